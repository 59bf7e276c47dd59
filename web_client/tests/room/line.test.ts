/** What people are told of their line, and when a picture no longer counts as live. */
import { describe, expect, it } from "vitest";
import { wordsOf, type LineFacts } from "../../src/room/line";

const fine: LineFacts = { measured: "good", told: { down: "good", up: "good" }, uplink: "full", showing: true, reconnecting: false };
const words = (change: Partial<LineFacts>): [string, string | null] => {
  const { word, sentence } = wordsOf({ ...fine, ...change });
  return [word, sentence];
};

describe("wordsOf", () => {
  it("is good when nobody says otherwise", () => {
    expect(words({})).toEqual(["good", null]);
  });
  it.each<Partial<LineFacts>>([
    { measured: "weak" },
    { told: { down: "weak", up: "good" } },
    { told: { down: "good", up: "weak" } },
    { uplink: "small" },
  ])("is weak by any one witness: %o", (change) => {
    expect(words(change)).toEqual(["weak", null]);
  });
  it("says which picture waits", () => {
    expect(words({ told: { down: "sound", up: "good" } })).toEqual(["sound", "down"]);
    expect(words({ uplink: "sound" })).toEqual(["sound", "up"]);
    expect(words({ told: { down: "sound", up: "weak" }, uplink: "sound" })).toEqual(["sound", "both"]);
  });
  it("says nothing of a picture that nobody sends", () => {
    expect(words({ uplink: "sound", showing: false })).toEqual(["good", null]);
  });
  it("is lost above all else, and leaves the sentence to the reconnecting", () => {
    expect(words({ reconnecting: true, told: { down: "sound", up: "good" } })).toEqual(["lost", null]);
    expect(words({ measured: "lost" })).toEqual(["lost", null]);
  });
});
