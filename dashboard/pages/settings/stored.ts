// Settings as JSON: what is pasted is checked field by field.
import type { Preferences } from "../../app/preferences.svelte";

export function zones(): string[] {
  const all = Intl.supportedValuesOf("timeZone");
  return all.includes("UTC") ? all : ["UTC", ...all];
}

/** True if the browser knows the zone. */
export function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return name !== "";
  } catch {
    return false;
  }
}

const oneOf = (...values: unknown[]) => (value: unknown): boolean => values.includes(value);
const isView = (value: unknown): boolean => {
  const view = value as { name?: unknown; address?: unknown } | null;
  return typeof view === "object" && typeof view?.name === "string" && typeof view.address === "string";
};
const checks: { [Name in keyof Preferences]: (value: unknown) => boolean } = {
  language: oneOf("en", "de", null),
  theme: oneOf("system", "light", "dark"),
  density: oneOf("comfortable", "dense"),
  zone: (value) => value === null || (typeof value === "string" && isZone(value)),
  times: oneOf("relative", "absolute"),
  keys: oneOf(true, false),
  hidePayloads: oneOf(true, false, null),
  views: (value) => Array.isArray(value) && value.length <= 50 && value.every(isView),
  startPage: (value) => typeof value === "string" && value.length <= 4000,
  columns: (value) =>
    typeof value === "object" && value !== null && Object.values(value).every((list) => Array.isArray(list) && list.every((item) => typeof item === "string")),
};

/** Settings of a JSON text; null if it is not one of settings. Unknown fields are dropped. */
export function parseSettings(text: string): Partial<Preferences> | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const found: Record<string, unknown> = {};
  for (const [name, isValid] of Object.entries(checks)) {
    const field = (value as Record<string, unknown>)[name];
    if (field === undefined) continue;
    if (!isValid(field)) return null;
    found[name] = field;
  }
  return found as Partial<Preferences>;
}
