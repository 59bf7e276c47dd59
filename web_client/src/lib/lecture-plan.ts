/** A lecture while it is being planned: from the form's fields to what the server takes, and back. */
import type { Lecture, LectureKind, Presenter } from "./lecture-types";
import type { Person, Role } from "./types";

/** Fields as a form holds them: times in the zone of whoever fills it in. */
export interface Plan {
  title: string;
  kind: LectureKind;
  summary: string;
  /** `2026-11-24` and `19:30`. */
  date: string;
  time: string;
  minutes: number;
  specialty: string;
  language: string;
  place: string;
  series: string;
  speaker: Person | null;
  presenters: Person[];
  scope: "consortium" | "organisations";
  organisations: string[];
  roles: Role[];
  downloadable: boolean;
}

const two = (n: number): string => String(n).padStart(2, "0");

export function dateOf(at: Date): string {
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

export function timeOf(at: Date): string {
  return `${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** The next full half hour that is at least an hour away: a sensible proposal. */
export function proposed(now: Date): Date {
  const half = 30 * 60_000;
  return new Date(Math.ceil((now.getTime() + 2 * half) / half) * half);
}

export function emptyPlan(now: Date, language: string): Plan {
  const at = proposed(now);
  return {
    title: "", kind: "lecture", summary: "", date: dateOf(at), time: timeOf(at), minutes: 60, specialty: "", language, place: "",
    series: "", speaker: null, presenters: [], scope: "consortium", organisations: [], roles: [], downloadable: false,
  }; // prettier-ignore
}

export function planOf(lecture: Lecture): Plan {
  const at = new Date(lecture.starts_at);
  const person = ({ id, name }: Presenter): Person => ({ id, name });
  return {
    title: lecture.title, kind: lecture.kind, summary: lecture.summary, date: dateOf(at), time: timeOf(at),
    minutes: Math.round((Date.parse(lecture.ends_at) - at.getTime()) / 60_000), specialty: lecture.specialty ?? "",
    language: lecture.language, place: lecture.place ?? "", series: lecture.series ?? "",
    speaker: lecture.presenters[0] ? person(lecture.presenters[0]) : null, presenters: lecture.presenters.slice(1).map(person),
    scope: lecture.audience.scope, organisations: lecture.audience.organisations, roles: lecture.audience.roles,
    downloadable: lecture.downloadable,
  }; // prettier-ignore
}

/** When it begins, or null while date and time name no moment. */
export function startOf(plan: Plan): Date | null {
  const at = new Date(`${plan.date}T${plan.time}`);
  return Number.isNaN(at.getTime()) ? null : at;
}

/** The fields that are still wrong: their names as the server calls them. */
export function missingIn(plan: Plan): string[] {
  const wrong: string[] = [];
  if (!plan.title.trim()) wrong.push("title");
  if (!startOf(plan)) wrong.push("starts_at");
  if (plan.scope === "organisations" && plan.organisations.length === 0) wrong.push("organisations");
  return wrong;
}

/** The request's body; `timed` false leaves the times to the server (now), or as they are. */
export function bodyOf(plan: Plan, timed: boolean): Record<string, unknown> {
  const start = startOf(plan);
  const times = timed && start ? { starts_at: start.toISOString(), ends_at: new Date(start.getTime() + plan.minutes * 60_000).toISOString() } : {};
  return {
    title: plan.title.trim(), kind: plan.kind, summary: plan.summary.trim() || null, specialty: plan.specialty || null,
    language: plan.language, place: plan.place.trim() || null, series: plan.series || null,
    presenters: plan.presenters.map(({ id }) => id), scope: plan.scope,
    organisations: plan.scope === "organisations" ? plan.organisations : [], roles: plan.roles, downloadable: plan.downloadable,
    ...(plan.speaker ? { speaker: plan.speaker.id } : {}), ...times,
  }; // prettier-ignore
}
