/** Words in the reader's language: catalogues per area, loaded when a page needs them. */
import i18next from "i18next";
import type ask from "../locales/en/ask.json";
import type kase from "../locales/en/case.json";
import type common from "../locales/en/common.json";
import type coordinate from "../locales/en/coordinate.json";
import type home from "../locales/en/home.json";
import type library from "../locales/en/library.json";
import type opinion from "../locales/en/opinion.json";
import type replay from "../locales/en/replay.json";
import type ring from "../locales/en/ring.json";
import type room from "../locales/en/room.json";
import type signIn from "../locales/en/sign-in.json";

export type Language = "en" | "zh-CN";
export const LANGUAGES: readonly Language[] = ["en", "zh-CN"];

interface Areas {
  ask: typeof ask;
  case: typeof kase;
  coordinate: typeof coordinate;
  home: typeof home;
  library: typeof library;
  opinion: typeof opinion;
  replay: typeof replay;
  ring: typeof ring;
  room: typeof room;
  "sign-in": typeof signIn;
}
/** One catalogue: `src/locales/<language>/<area>.json`. `common` is always there. */
export type Area = keyof Areas;

type Singular<K extends string> = K extends `${infer Base}_${"zero" | "one" | "other"}` ? Base : K;
type Leaves<T> = {
  [K in keyof T & string]: T[K] extends string ? Singular<K> : `${K}.${Leaves<T[K]>}`;
}[keyof T & string];
/** `save`, `error.offline` in `common`; `ask:title` in another area. */
export type Key = Leaves<typeof common> | { [A in Area]: `${A}:${Leaves<Areas[A]>}` }[Area];

const files = import.meta.glob<Record<string, unknown>>("../locales/*/*.json", { import: "default" });
const wanted = new Set<Area | "common">(["common"]);
const STORED = "tele.language";
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

async function load(lang: Language, area: Area | "common"): Promise<void> {
  if (i18next.hasResourceBundle(lang, area)) return;
  const file = files[`../locales/${lang}/${area}.json`];
  if (!file) throw new Error(`no catalogue ${lang}/${area}`);
  i18next.addResourceBundle(lang, area, await file());
}

/** Make these catalogues available before a page that uses them is shown. */
export async function need(...areas: Area[]): Promise<void> {
  for (const area of areas) wanted.add(area);
  await Promise.all(areas.map((area) => load(current, area)));
}

/** Switch every word on the page. */
export async function setLanguage(lang: Language): Promise<void> {
  if (!i18next.isInitialized) {
    await i18next.init({
      lng: lang,
      ns: ["common"],
      defaultNS: "common",
      resources: {},
      fallbackLng: false,
      interpolation: { escapeValue: false }, // Svelte escapes what it prints
    });
  }
  await Promise.all([...wanted].map((area) => load(lang, area)));
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
