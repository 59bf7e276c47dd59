/** Words in the reader's language, from catalogues whose keys are types. */
import i18next from "i18next";
import type words from "../locales/en";

export type Language = "en" | "zh-CN";
export const LANGUAGES: readonly Language[] = ["en", "zh-CN"];

type Areas = typeof words;
/** One catalogue: `src/locales/<language>/<area>.json`. */
type Area = keyof Areas;

type Singular<K extends string> = K extends `${infer Base}_${"zero" | "one" | "other"}` ? Base : K;
type Leaves<T> = {
  [K in keyof T & string]: T[K] extends string ? Singular<K> : `${K}.${Leaves<T[K]>}`;
}[keyof T & string];
/** `save`, `error.offline` in `common`; `ask:title` in another area. */
export type Key = Leaves<Areas["common"]> | { [A in Exclude<Area, "common">]: `${A}:${Leaves<Areas[A]>}` }[Exclude<Area, "common">];

const catalogues: Record<Language, () => Promise<{ default: Record<Area, object> }>> = {
  en: () => import("../locales/en"),
  "zh-CN": () => import("../locales/zh-CN"),
};
const STORED = "tele.language";
let starting: Promise<unknown> | undefined;
let current = $state<Language>("en");
let revision = $state(0);

/** The language now, as a BCP 47 tag. */
export function language(): Language {
  return current;
}

/** What this browser was set to before, else what it asks for. */
export function preferred(): Language {
  const stored = localStorage.getItem(STORED);
  if (stored === "en" || stored === "zh-CN") return stored;
  return navigator.languages.some((tag) => tag.toLowerCase().startsWith("zh")) ? "zh-CN" : "en";
}

async function load(lang: Language): Promise<void> {
  if (i18next.hasResourceBundle(lang, "common")) return;
  for (const [area, words] of Object.entries((await catalogues[lang]()).default)) i18next.addResourceBundle(lang, area, words);
}

/** Switch every word on the page. */
export async function setLanguage(lang: Language): Promise<void> {
  starting ??= i18next.init({
    lng: lang,
    ns: ["common"],
    defaultNS: "common",
    resources: {},
    fallbackLng: false,
    interpolation: { escapeValue: false }, // Svelte escapes what it prints
  });
  await starting;
  await load(lang);
  await i18next.changeLanguage(lang);
  document.documentElement.lang = lang;
  localStorage.setItem(STORED, lang);
  current = lang;
  revision += 1;
}

/** The sentence for a key, in the language now; `count` chooses the plural, `{{name}}` is filled in from `values`. */
export function t(key: Key, values?: Record<string, string | number>): string {
  void revision;
  return i18next.t(key, values);
}

/** Whether a key that came from outside (an error code, say) has a sentence. */
export function known(key: string): key is Key {
  void revision;
  return i18next.exists(key);
}
