/** What people are told of their own line: a word for the head of the page and, where pictures wait, a sentence. */

import type { LineQuality, UplinkMode } from "../lib/media";
import type { Line } from "../lib/protocol";

export interface LineFacts {
  /** What the browser sees. */
  measured: LineQuality;
  /** What the server says. */
  told: Line;
  /** What of us the line carries. */
  uplink: UplinkMode;
  /** We would send a picture if the line carried it. */
  showing: boolean;
  /** The connection is being found again: a sentence of its own says so. */
  reconnecting: boolean;
}

/** `sound`: pictures wait so that the voice stays clear. */
export type LineWord = LineQuality | "sound";
export type LineSentence = "down" | "up" | "both";

export function wordsOf({ measured, told, uplink, showing, reconnecting }: LineFacts): { word: LineWord; sentence: LineSentence | null } {
  if (reconnecting || measured === "lost") return { word: "lost", sentence: null };
  const down = told.down === "sound";
  const up = showing && uplink === "sound";
  if (down || up) return { word: "sound", sentence: down && up ? "both" : down ? "down" : "up" };
  const weak = measured === "weak" || told.down === "weak" || told.up === "weak" || (showing && uplink !== "full");
  return { word: weak ? "weak" : "good", sentence: null };
}
