/** The form to which whoever is broadcast agrees: its words, and its version for the server. */
import { api } from "../lib/api";
import { language } from "../lib/i18n.svelte";
import type { ConsentForm } from "../lib/types";

let form = $state.raw<ConsentForm | null>(null);
let asked: Promise<void> | null = null;

/** Fetch it once. Rejects when there is no line. */
export function loadConsent(): Promise<void> {
  asked ??= api.get<{ items: ConsentForm[] }>("/api/consent-forms").then(
    ({ items }) => {
      form = items.find((each) => each.kind === "lecture") ?? null;
    },
    (error: unknown) => {
      asked = null;
      throw error;
    },
  );
  return asked;
}

export const consent = {
  get version(): string | null {
    return form?.version ?? null;
  },
  get text(): string {
    return form?.text[language()] ?? form?.text.en ?? "";
  },
};
