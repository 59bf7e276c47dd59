/** The JSON that the server's REST interface speaks, as types. Times are ISO 8601 in UTC; durations are seconds. */

export type Role = "gp" | "specialist" | "learner" | "coordinator" | "administrator" | "auditor";
export type Urgency = "routine" | "urgent" | "emergency";
export type Stage = "queued" | "ringing" | "needs-more" | "in-call" | "awaiting-opinion" | "answered" | "cancelled";
export type NextStep = "advice-only" | "come-back" | "refer";
export const URGENCIES: readonly Urgency[] = ["routine", "urgent", "emergency"];
export const NEXT_STEPS: readonly NextStep[] = ["advice-only", "come-back", "refer"];
/** Stages in which somebody is still waiting for something. */
export const OPEN_STAGES: readonly Stage[] = ["queued", "ringing", "needs-more", "in-call", "awaiting-opinion"];

export interface Page<T> {
  items: T[];
  next?: string | null;
}

export interface Organisation {
  id: string;
  name: string;
  roles: Role[];
  specialties: string[];
}

export interface Me {
  id: string;
  username: string;
  name: string;
  language: string;
  organisations: Organisation[];
  roles: Role[];
  session_expires_at: string;
  password_is_demo: boolean;
}

export interface Specialty {
  code: string;
  name: Record<string, string>;
  on_call: number;
  expected_wait_s: number | null;
  duty_phone: string | null;
}

export interface Person {
  id: string;
  name: string;
}

export interface PersonEntry extends Person {
  title: string | null;
  organisation: string;
  roles: Role[];
  specialties: string[];
}

export type Sex = "female" | "male" | "other" | "unknown";

export interface Patient {
  record_number?: string | null;
  initials?: string | null;
  sex?: Sex | null;
  age?: number | null;
  history?: string | null;
  findings?: string | null;
}

export type FileKind = "image" | "pdf" | "dicom" | "ecg" | "video" | "other";

export interface CaseFile {
  id: string;
  name: string;
  type: string;
  kind: FileKind;
  /** Bytes. */
  size: number;
  /** Whether `/api/files/{id}/preview` has a picture. */
  preview: boolean;
  uploaded_by: Person;
  uploaded_at: string;
}

/** A consent form in force; its version is named by the consents given to it. */
export interface ConsentForm {
  kind: "teleconsultation" | "recording" | "lecture";
  version: string;
  title: Record<string, string>;
  text: Record<string, string>;
}

export interface ConsentDraft {
  kind: "teleconsultation" | "recording";
  form_version: string;
  given_by: "patient" | "guardian";
  guardian_name?: string | null;
  witness: string;
  given_at: string;
  photo: string | null;
}

export interface Consent extends ConsentDraft {
  id: string;
  withdrawn_at: string | null;
}

export interface Message {
  id: string;
  kind: "chat" | "asked-more" | "more" | "follow-up" | "system";
  author: Person;
  text: string;
  at: string;
  /** Seconds since the call began; null outside a call. */
  offset: number | null;
  client_id: string | null;
}

export interface NextPage {
  name?: string;
  kind?: "coordinator" | "practitioner" | "on-call";
  after_s: number;
}

export interface Progress {
  position: number | null;
  ringing: { name: string; since: string; until: string } | null;
  next: NextPage[];
  expected_wait_s: number | null;
  on_call: number;
  duty_phone: string | null;
  line: { code: string; args: Record<string, string | number | null> } | null;
}

export interface Opinion {
  assessment: string;
  advice: string;
  next_step: NextStep | null;
  state: "draft" | "signed";
  author: Person;
  signed_at: string | null;
  addenda: { text: string; author: Person; at: string }[];
}

export type May =
  | "cancel"
  | "reply"
  | "accept"
  | "decline"
  | "snooze"
  | "ask-more"
  | "answer-in-writing"
  | "join"
  | "hang-up"
  | "stop-recording"
  | "resume-recording"
  | "withdraw-recording"
  | "give-consent"
  | "withdraw-consent"
  | "write-opinion"
  | "sign"
  | "add-addendum"
  | "follow-up"
  | "name-viewer"
  | "add-file"
  | "hand-over"
  | "ring-again";

/** A consultation in a list. */
export interface CaseSummary {
  id: string;
  title: string;
  status: string;
  stage: Stage;
  specialty: string;
  urgency: Urgency;
  question: string;
  created_at: string;
  updated_at: string;
  requester: Person & { organisation: string };
  specialist: (Person & { title: string | null; organisation: string | null }) | null;
  /** Where the request stands while somebody waits for it. */
  progress: Progress | null;
  encounter: { id: string; room: string; status: string; started_at: string; ended_at: string | null } | null;
  recording: { id: string; state: string; duration: number | null; consented: boolean } | null;
  opinion: Opinion | null;
  viewers: Person[];
  may: May[];
  version: number;
}

/** A consultation as one page shows it. */
export interface Case extends CaseSummary {
  patient: Patient | null;
  consents: Consent[];
  files: CaseFile[];
  messages: Message[];
}

export interface Ring {
  page: string;
  consultation: string;
  specialty: string;
  urgency: Urgency;
  question: string;
  requester: { name: string; organisation: string };
  sex: string | null;
  age: number | null;
  sent_at: string;
  expires_at: string | null;
  routine: boolean;
}

export interface OnCall {
  on: boolean;
  since: string | null;
  until: string | null;
  shift: { starts_at: string; ends_at: string } | null;
  specialties: string[];
  roster_today: { specialty: string; name: string; starts_at: string; ends_at: string }[];
  ringing: Ring[];
}

export interface QueueItem {
  id: string;
  specialty: string;
  urgency: Urgency;
  since: string;
  waiting_s: number;
  stage: Stage;
  ringing: { name: string; since: string } | null;
  organisation: string;
  requester_name: string;
  promise_s: number;
  light: "green" | "amber" | "red";
}

export interface RecordingSummary {
  id: string;
  title: string;
  state: "live" | "sealed";
  duration: number;
  started: string;
  tracks: { source: string }[];
  chapters: unknown[];
  /** What it is of: one of the two. */
  consultation: string | null;
  lecture: string | null;
  downloadable: boolean;
}
