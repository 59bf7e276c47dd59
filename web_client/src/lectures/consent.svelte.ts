/** The form to which whoever is broadcast agrees: its words, and its version for the server. */
import { api } from "../lib/api";
import { language } from "../lib/i18n.svelte";
import type { ConsentForm } from "../lib/types";

let form = $state.raw<ConsentForm | null>(null);
let asked: Promise<void> | null = null;
let asking = $state(false);

/** Fetch it once. Rejects when there is no line. */
export function loadConsent(): Promise<void> {
  if (asked) return asked;
  asking = true;
  asked = api.get<{ items: ConsentForm[] }>("/api/consent-forms").then(
    ({ items }) => {
      asking = false;
      form = items.find((each) => each.kind === "lecture") ?? null;
    },
    (error: unknown) => {
      asking = false;
      asked = null;
      throw error;
    },
  );
  return asked;
}

export const consent = {
  /** It is on its way: nobody agrees to words that are not on the page yet. */
  get asking(): boolean {
    return asking;
  },
  get version(): string | null {
    return form?.version ?? null;
  },
  get text(): string {
    return form?.text[language()] ?? form?.text.en ?? "";
  },
};
