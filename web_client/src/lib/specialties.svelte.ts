/** The specialties: their names in the reader's language, and who is on call for them now. */
import { api } from "./api";
import { language } from "./i18n.svelte";
import type { Specialty } from "./types";

const STORED = "tele.specialties";
/** A name that is on its way. */
const COMING = "…";

/** Names change once a year: those of the last visit stand until they are there. How many are on call is never kept. */
let names = $state.raw<Record<string, Specialty["name"]>>(kept());
let items = $state.raw<Specialty[]>([]);
let asked: Promise<void> | null = null;

export const specialties = {
  get items(): readonly Specialty[] {
    return items;
  },
};

/** Fetch them anew: on-call counts change by the minute. */
export async function refreshSpecialties(): Promise<void> {
  items = (await api.get<{ items: Specialty[] }>("/api/specialties")).items;
  names = Object.fromEntries(items.map(({ code, name }) => [code, name]));
  try {
    localStorage.setItem(STORED, JSON.stringify(names));
  } catch {
    // Without storage the names are fetched at the next visit.
  }
}

/** The name a code stands for. */
export function specialtyName(code: string): string {
  const found = names[code];
  if (!found && !asked) {
    asked = refreshSpecialties().catch(() => {
      asked = null; // asked again by the next one who needs a name
    });
  }
  if (!found) return items.length > 0 ? code : COMING;
  return found[language()] ?? found.en ?? code;
}

function kept(): Record<string, Specialty["name"]> {
  try {
    return (JSON.parse(localStorage.getItem(STORED) ?? "{}") ?? {}) as Record<string, Specialty["name"]>;
  } catch {
    return {};
  }
}
