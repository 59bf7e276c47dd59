/** What a recording shows at a second. */
import { describe, expect, it } from "vitest";
import type { Recording } from "../../src/replay/recording";
import { absenceAt, holes, lineAt, resumeAt, showsAt, spoken, viewsOf } from "../../src/replay/timeline";

const track = (who: string, source: string, start = 0, duration = 60): Recording["tracks"][number] => ({
  name: `${source}-${who}`,
  participant: { id: who, name: who.toUpperCase(), role: who === "a" ? "gp" : "specialist" },
  source,
  kind: source === "microphone" ? "audio" : "video",
  start,
  duration,
  playlist: `/media/r/p/seat-${who}.m3u8`,
});
const recording = (tracks: Recording["tracks"]): Recording => ({
  id: "r", title: "", state: "sealed", duration: 60, started: "2026-01-01T00:00:00Z", tracks, chapters: [], messages: [], gaps: [],
});
const gap = (participant: string, start: number, duration: number, source: string | null = "microphone") => ({ participant, source, start, duration });

describe("viewsOf", () => {
  const views = viewsOf(recording([track("a", "microphone"), track("a", "camera"), track("a", "camera-low"), track("b", "microphone", 2), track("b", "screen", 10, 20)]));
  it("makes one view a person and one a screen, people first", () => {
    expect(views.map(({ key, playlist, picture }) => [key, playlist, picture])).toEqual([
      ["a:person", "/media/r/p/seat-a.m3u8", true],
      ["b:person", "/media/r/p/seat-b.m3u8", false],
      ["b:screen", "/media/r/p/seat-b-screen.m3u8", true],
    ]);
  });
  it("shows a screen while it is shared and not in its gaps", () => {
    const screen = views[2]!;
    expect([5, 12, 31].map((time) => showsAt(screen, time, []))).toEqual([false, true, false]);
    expect(showsAt(screen, 12, [gap("b", 11, 5, "screen")])).toBe(false);
  });
  it("tells who had lost the line, not who had the camera off", () => {
    const gaps = [gap("a", 10, 8), gap("b", 10, 8, "camera"), gap("b", 30, 0.5)];
    expect(absenceAt(gaps, views, 12)).toEqual({ participants: ["a"], everyone: false, until: 18 });
    expect(absenceAt(gaps, views, 18).participants).toEqual([]);
    expect(absenceAt(gaps, views, 30.2).participants).toEqual([]);
  });
  it("tells a stretch that nobody recorded from one person's absence, and when it ends", () => {
    const gaps = [gap("a", 10, 8), gap("b", 9, 6)];
    expect(absenceAt(gaps, views, 12)).toEqual({ participants: ["a", "b"], everyone: true, until: 15 });
  });
});

describe("the rest of the line", () => {
  it("joins gaps that touch", () => {
    expect(holes([gap("a", 10, 5), gap("b", 14, 4), gap("a", 30, 2), gap("a", 40, 0.2)])).toEqual([
      { start: 10, end: 18 },
      { start: 30, end: 32 },
    ]);
  });
  it("orders words by their second and finds the last said", () => {
    const message = (offset: number | null) => ({ id: "", kind: "chat", author: { id: "", name: "" }, text: "", at: "", offset, client_id: null });
    const lines = spoken([message(9), message(null), message(2), message(-1)]);
    expect(lines.map(({ offset }) => offset)).toEqual([2, 9]);
    expect([0, 2, 8.9, 50].map((time) => lineAt(lines, time))).toEqual([-1, 0, 0, 1]);
  });
  it("begins where it was left, unless that was at the edge", () => {
    expect([undefined, 3, 30, 55].map((stored) => resumeAt(stored, 60))).toEqual([0, 0, 30, 0]);
  });
});
