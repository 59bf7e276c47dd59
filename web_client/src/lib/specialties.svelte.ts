/** The specialties: their names in the reader's language, and who is on call for them now. */
import { api } from "./api";
import { language } from "./i18n.svelte";
import type { Specialty } from "./types";

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
}

/** The name a code stands for; the code itself until the names are there. */
export function specialtyName(code: string): string {
  const found = items.find((each) => each.code === code);
  if (!found && !asked) {
    asked = refreshSpecialties().catch(() => {
      asked = null; // asked again by the next one who needs a name
    });
  }
  return found?.name[language()] ?? found?.name.en ?? code;
}
