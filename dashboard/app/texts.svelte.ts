// The texts of the page in the language of the preferences. Each language is a chunk of its own.
import { language } from "./format.svelte";
import type { Texts } from "../texts/en";

let loaded: Texts | undefined = $state.raw();

const languages: Record<"en" | "de", () => Promise<Texts>> = {
  en: () => import("../texts/en").then((module) => module.texts),
  de: () => import("../texts/de").then((module) => module.texts),
};

/** Loads the texts of the current language. Awaited before the page is shown, and when the language changes. */
export async function loadTexts(): Promise<void> {
  const chosen = language();
  loaded = await languages[chosen]();
  document.documentElement.lang = chosen;
}

/** The texts: `t().shell.pause`. */
export function t(): Texts {
  if (loaded === undefined) throw new Error("texts are read before they are loaded");
  return loaded;
}

/** Chooses the form of a number in the language. */
export function plural(value: number, forms: { one: string; other: string }): string {
  return new Intl.PluralRules(language()).select(value) === "one" ? forms.one : forms.other;
}
