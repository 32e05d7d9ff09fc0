// Preferences of this browser.

export type Theme = "system" | "light" | "dark";

/** A saved view: a name and an address after the mount. */
export interface SavedView {
  name: string;
  address: string;
}

export interface Preferences {
  language: "en" | "de" | null;
  theme: Theme;
  density: "comfortable" | "dense";
  /** IANA time zone; null for the browser's. */
  zone: string | null;
  times: "relative" | "absolute";
  /** Keys of single letters act. */
  keys: boolean;
  hidePayloads: boolean | null;
  views: SavedView[];
  /** Address after the mount that the mount shows. */
  startPage: string;
  /** Columns of lists by their names. */
  columns: Record<string, string[]>;
}

const KEY = "tickerq:preferences";

const defaults: Preferences = {
  language: null,
  theme: "system",
  density: "comfortable",
  zone: null,
  times: "relative",
  keys: true,
  hidePayloads: null,
  views: [],
  startPage: "",
  columns: {},
};

function read(): Preferences {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return { ...defaults, ...(stored as Partial<Preferences>) };
  } catch {
    return { ...defaults };
  }
}

/** Preferences of this browser. Changes are stored at once and reach other tabs. */
export const preferences: Preferences = $state(read());

/** Stores changes and applies the appearance. Called once at the start. */
export function watchPreferences(): void {
  window.addEventListener("storage", (event: StorageEvent) => {
    if (event.key === KEY) Object.assign(preferences, read());
  });
  $effect.root(() => {
    $effect(() => {
      localStorage.setItem(KEY, JSON.stringify(preferences));
      const { dataset } = document.documentElement;
      dataset["theme"] = preferences.theme;
      dataset["density"] = preferences.density;
    });
  });
}

/** Default preferences, as `reset` restores them. */
export function resetPreferences(): void {
  Object.assign(preferences, structuredClone(defaults));
}
