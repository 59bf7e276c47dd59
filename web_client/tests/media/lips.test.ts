/** Whose picture is said to run behind their voice. */
import { describe, expect, it } from "vitest";
import { Lips } from "../../src/lib/media/lips";
import type { Report } from "../../src/lib/media/quality";
import type { RemoteTracks } from "../../src/lib/media/subscriber";

const track = (id: string) => ({ id }) as MediaStreamTrack;
const people = new Map<string, RemoteTracks>([
  ["gp", { camera: track("gp-camera"), microphone: track("gp-voice") }],
  ["spec", { camera: track("spec-camera"), microphone: track("spec-voice") }],
]);

/** Looks a second apart; each is told how long picture and voice of "gp" were held in that second. */
function looking() {
  const lips = new Lips();
  const sums = new Map<string, { seconds: number; played: number }>();
  const report = (id: string, held: number, played: number): Report => {
    const sum = sums.get(id) ?? { seconds: 0, played: 0 };
    sums.set(id, { seconds: sum.seconds + held * played, played: sum.played + played });
    const { seconds, played: count } = sums.get(id) as { seconds: number; played: number };
    return { type: "inbound-rtp", trackIdentifier: id, jitterBufferDelay: seconds, jitterBufferEmittedCount: count };
  };
  return (picture: number, voice: number, pictures = 20): ReadonlySet<string> =>
    lips.judge(people, [report("gp-camera", picture, pictures), report("gp-voice", voice, 48_000), report("spec-camera", 0.08, 20), report("spec-voice", 0.06, 48_000)]);
}

describe("Lips", () => {
  it("says whose picture is held much longer than their voice, and nothing at the first look", () => {
    const look = looking();
    expect([...look(2.6, 0.1)]).toEqual([]);
    expect([...look(2.6, 0.1)]).toEqual(["gp"]);
  });
  it("says nothing where both wait for the same line", () => {
    const look = looking();
    look(1.4, 1.3);
    expect([...look(1.4, 1.3)]).toEqual([]);
  });
  it("does not waver at the border", () => {
    const look = looking();
    look(0.5, 0.1);
    const said = [0.45, 0.7, 0.5, 0.45, 0.35, 0.5].map((picture) => look(picture, 0.1).has("gp"));
    expect(said).toEqual([false, true, true, true, false, false]);
  });
  it("keeps to what it knew while hardly a picture comes, and gives the same answer as the same object", () => {
    const look = looking();
    look(2.6, 0.1);
    const late = look(2.6, 0.1);
    expect(look(0, 0.1, 1)).toBe(late);
    expect(look(2.6, 0.1)).toBe(late);
  });
  it("says nothing of who is heard without a picture", () => {
    const lips = new Lips();
    const only = new Map<string, RemoteTracks>([["gp", { microphone: track("gp-voice") }]]);
    const voice: Report = { type: "inbound-rtp", trackIdentifier: "gp-voice", jitterBufferDelay: 1, jitterBufferEmittedCount: 48_000 };
    lips.judge(only, [voice]);
    expect(lips.judge(only, [{ ...voice, jitterBufferDelay: 9e9, jitterBufferEmittedCount: 96_000 }]).size).toBe(0);
  });
});
