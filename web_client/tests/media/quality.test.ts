/** The line in words: what makes it weak, what makes it lost, and that the words do not flicker. */
import { describe, expect, it } from "vitest";
import { EMPTY_SAMPLE, LineMeter, sampleOf, type LineSample } from "../../src/lib/media/quality";

/** Samples two seconds apart; each step changes the one before. */
function judged(steps: Partial<LineSample>[], connected = true): string[] {
  const meter = new LineMeter();
  let sample: LineSample = { ...EMPTY_SAMPLE, at: 1_000, received: 1_000, checksAnswered: 5 };
  meter.judge(sample, connected);
  return steps.map((step) => {
    sample = { ...sample, at: sample.at + 2_000, received: sample.received + 200, ...step };
    return meter.judge(sample, connected);
  });
}

describe("LineMeter", () => {
  it("is good while packets arrive", () => {
    expect(judged([{}, {}, {}])).toEqual(["good", "good", "good"]);
  });
  it("is weak at once on loss, and good again only after a while", () => {
    expect(judged([{ lossUp: 0.08 }, { lossUp: 0 }, {}, {}, {}, {}])).toEqual(["weak", "weak", "weak", "weak", "weak", "good"]);
  });
  it.each([{ lossUp: 0.08 }, { roundTrip: 0.8 }])("is weak on %o", (step) => {
    expect(judged([step])).toEqual(["weak"]);
  });
  it("is not weak because of what may have been lost on the other's line", () => {
    expect(judged([{ missing: 80 }, { missing: 160 }])).toEqual(["good", "good"]);
  });
  it("is lost when neither packets nor answers to checks come for long, not in a mere silence", () => {
    const still = { received: 1_000 };
    expect(judged([still, still, still, still])).toEqual(["good", "good", "good", "lost"]);
    expect(judged([still, { ...still, checksAnswered: 6 }, still, still])).toEqual(["good", "good", "good", "good"]);
  });
  it("is lost sooner when what we send finds no answer of any kind", () => {
    const talking = (bytesSent: number, heard = 7): Partial<LineSample> => ({ received: 1_000, bytesSent, heard });
    expect(judged([talking(1), talking(2), talking(3)])).toEqual(["good", "good", "lost"]);
    expect(judged([talking(1), talking(2, 8), talking(3, 9)])).toEqual(["good", "good", "good"]);
  });
  it("is lost when the browser says so", () => {
    expect(judged([{}], false)).toEqual(["lost"]);
  });
});

describe("sampleOf", () => {
  it("sums streams and survives fields that a browser does not have", () => {
    const sample = sampleOf(
      [
        { type: "inbound-rtp", packetsReceived: 10, packetsLost: -2 },
        { type: "inbound-rtp", packetsReceived: 5, packetsLost: 3 },
        { type: "remote-inbound-rtp", fractionLost: 0.1, roundTripTime: Number.NaN },
        { type: "candidate-pair", nominated: true, responsesReceived: 4, currentRoundTripTime: 0.2 },
        { type: "candidate-pair", nominated: false, responsesReceived: 40 },
        { type: "codec" },
      ],
      7,
    );
    expect(sample).toMatchObject({ at: 7, received: 15, missing: 3, lossUp: 0.1, roundTrip: 0.2, checksAnswered: 4 });
  });
});
