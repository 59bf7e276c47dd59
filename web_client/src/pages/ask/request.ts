/** A request being written: its shape, what is still missing, and what is sent. */
import type { CaseFile, ConsentDraft, ConsentForm, Patient, Sex, Urgency } from "../../lib/types";

/** The form's version where the server has not told which are in force. */
export const FORM_VERSION = "2026-1";
export const QUESTION_LIMIT = 4000;

export interface Draft {
  /** The request is carried out once under this key, however often it is sent. */
  key: string;
  specialty: string;
  urgency: Urgency | "";
  question: string;
  patient: { record_number: string; initials: string; sex: Sex | ""; age: string; history: string; findings: string };
  files: CaseFile[];
  /** The patient agrees to the teleconsultation, and, unless `withoutRecording`, to its recording. */
  consent: boolean;
  withoutRecording: boolean;
  givenBy: "patient" | "guardian";
  guardian: string;
  /** Empty: the GP who asks. */
  witness: string;
  /** Local time as `<input type="datetime-local">` writes it; empty: the moment of sending. */
  givenAt: string;
  photo: CaseFile | null;
}

export function empty(key: string): Draft {
  return {
    key,
    specialty: "",
    urgency: "",
    question: "",
    patient: { record_number: "", initials: "", sex: "", age: "", history: "", findings: "" },
    files: [],
    consent: false,
    withoutRecording: false,
    givenBy: "patient",
    guardian: "",
    witness: "",
    givenAt: "",
    photo: null,
  };
}

/** Whether there is anything worth keeping. */
export function begun(draft: Draft): boolean {
  return JSON.stringify({ ...draft, key: "" }) !== JSON.stringify(empty(""));
}

export type Field = "specialty" | "urgency" | "question" | "age" | "consent" | "guardian" | "givenAt";
export type Missing = "specialty" | "urgency" | "question" | "age" | "consent" | "guardian" | "future";

/** What keeps the request from being sent, field by field, in the order of the page. */
export function check(draft: Draft, now: Date): Partial<Record<Field, Missing>> {
  const found: Partial<Record<Field, Missing>> = {};
  if (!draft.specialty) found.specialty = "specialty";
  if (!draft.urgency) found.urgency = "urgency";
  if (!draft.question.trim()) found.question = "question";
  if (draft.patient.age.trim() && age(draft.patient.age) === null) found.age = "age";
  if (!draft.consent) found.consent = "consent";
  if (draft.givenBy === "guardian" && !draft.guardian.trim()) found.guardian = "guardian";
  // Five minutes of grace: clocks of two machines differ.
  if (draft.givenAt && !(Date.parse(draft.givenAt) <= now.getTime() + 300_000)) found.givenAt = "future";
  return found;
}

/** Years, or null when it is not an age. */
export function age(text: string): number | null {
  const years = Number(text.trim());
  return /^\d{1,3}$/.test(text.trim()) && years <= 130 ? years : null;
}

function patient(draft: Draft): Patient {
  const { age: years, sex, ...texts } = draft.patient;
  const filled = Object.entries(texts).flatMap(([name, text]) => (text.trim() ? [[name, text.trim()]] : []));
  return { ...Object.fromEntries(filled), ...(sex ? { sex } : {}), ...(years.trim() ? { age: age(years) } : {}) };
}

/** The version in force of the form for one kind of consent. */
export function version(forms: readonly ConsentForm[], kind: ConsentDraft["kind"]): string {
  return forms.find((each) => each.kind === kind)?.version ?? FORM_VERSION;
}

function consents(draft: Draft, forms: readonly ConsentForm[], asker: string, now: Date): ConsentDraft[] {
  if (!draft.consent) return [];
  const shared = {
    given_by: draft.givenBy,
    guardian_name: draft.givenBy === "guardian" ? draft.guardian.trim() : null,
    witness: draft.witness.trim() || asker,
    given_at: (draft.givenAt ? new Date(draft.givenAt) : now).toISOString(),
    photo: draft.photo?.id ?? null,
  };
  const kinds = draft.withoutRecording ? (["teleconsultation"] as const) : (["teleconsultation", "recording"] as const);
  return kinds.map((kind) => ({ kind, form_version: version(forms, kind), ...shared }));
}

/** The body of `POST /api/consultations`. `asker` is the GP's name, the witness unless another is named. */
export function body(draft: Draft, forms: readonly ConsentForm[], asker: string, now: Date): Record<string, unknown> {
  return {
    specialty: draft.specialty,
    urgency: draft.urgency,
    question: draft.question.trim(),
    patient: patient(draft),
    consents: consents(draft, forms, asker, now),
    files: draft.files.map((file) => file.id),
  };
}
