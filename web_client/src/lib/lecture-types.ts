/** The JSON of lectures, as types. Times are ISO 8601 in UTC; durations are seconds. */
import type { Person, Role } from "./types";

export const KINDS = ["lecture", "workshop", "case-discussion", "teaching-round"] as const;
export type LectureKind = (typeof KINDS)[number];
export type LectureStatus = "planned" | "in-progress" | "completed" | "cancelled";
export type LectureMay = "edit-lecture" | "cancel-lecture" | "go-live" | "present" | "end-lecture" | "moderate" | "take-part" | "check-in";
export const AUDIENCE_ROLES: readonly Role[] = ["gp", "specialist", "learner", "coordinator"];

export interface Presenter extends Person {
  organisation: string | null;
  title: string | null;
}

export interface LectureSummary {
  id: string;
  kind: LectureKind;
  title: string;
  summary: string;
  specialty: string | null;
  language: string;
  series: string | null;
  series_title: string | null;
  organisation: string;
  place: string | null;
  /** The speaker first. */
  presenters: Presenter[];
  starts_at: string;
  ends_at: string;
  status: LectureStatus;
  started_at: string | null;
  ended_at: string | null;
  recording: string | null;
  duration: number | null;
  /** Id of the cover's file: the address changes with it. */
  cover: string | null;
  /** Whether the replay may be taken away as a file. */
  downloadable: boolean;
  watching: number;
  reminded: boolean;
  relation: string[];
  may: LectureMay[];
  version: number;
}

export interface Deck {
  file: string;
  /** 0 of a deck that is ready: its pages could not be shown. */
  pages: number;
  ready: boolean;
}

export interface Lecture extends LectureSummary {
  audience: { scope: "consortium" | "organisations"; organisations: string[]; roles: Role[] };
  deck: Deck | null;
  /** Whether the reader agreed to be broadcast and recorded here. */
  consented: boolean;
  attended: ("online" | "hall" | "group")[];
}

export interface Series {
  id: string;
  title: string;
  summary: string;
  organisation: string;
  sessions: number;
}

export function coverOf(lecture: LectureSummary): string | null {
  return lecture.cover ? `/api/lectures/${lecture.id}/cover?${lecture.cover}` : null;
}

export function slideUrl(lecture: string, deck: string, page: number): string {
  return `/api/lectures/${lecture}/slides/${deck}/${page}`;
}
