/** What is sent over a line that narrows and widens: the decisions alone, with time passed in. */
import { describe, expect, it } from "vitest";
import { PICTURE_MOST, Uplink, uplinkSampleOf, type UplinkMode, type UplinkSample } from "../../src/lib/media/uplink";

/** bit/s that our own packets take, headers included, in each mode. */
function load({ mode, picture, red }: Uplink["plan"]): number {
  const sound = red ? 80_000 : 42_000;
  return sound + { full: 1_700_000, small: picture, sound: 0 }[mode];
}

/** A line of `rate` bit/s before which a queue forms, and a browser's estimate of it, a second at a time. */
class Line {
  at = 0;
  bytes = 0;
  estimate = 3_000_000;
  readonly uplink = new Uplink();
  modes: UplinkMode[] = [];

  run(seconds: number, rate: number, change: Partial<UplinkSample> = {}): this {
    for (let second = 0; second < seconds; second += 1) {
      const sent = load(this.uplink.plan);
      const over = sent > rate;
      // It follows a narrow line at once; it grows by 8 % a second, and not beyond 1.5 times of what is sent.
      this.estimate = over ? rate * 0.95 : Math.max(Math.min(this.estimate, rate), Math.min(rate, this.estimate * 1.08, sent * 1.5));
      this.at += 1_000;
      this.bytes += Math.min(sent, rate) / 8;
      this.modes.push(
        this.uplink.judge({
          at: this.at, estimate: this.estimate, bytesSent: this.bytes, loss: over ? Math.min(0.5, 1 - rate / sent) : 0,
          roundTrip: over ? 0.35 : 0.05, ...change,
        }).mode, // prettier-ignore
      );
    }
    return this;
  }
  get mode(): UplinkMode {
    return this.uplink.plan.mode;
  }
  changes(): number {
    return this.modes.filter((mode, index) => index > 0 && mode !== this.modes[index - 1]).length;
  }
}

describe("Uplink", () => {
  it("sends everything on a good line, at full size", () => {
    const line = new Line().run(10, 5_000_000);
    expect(line.uplink.plan).toEqual({ mode: "full", picture: PICTURE_MOST, roomy: true, red: true });
  });

  it("keeps a picture beside the sound on 150 kbit/s, sound without its repetition, and does not flap", () => {
    const line = new Line().run(5, 5_000_000).run(120, 150_000);
    expect(line.mode).toBe("small");
    expect(line.uplink.plan.red).toBe(false);
    expect(line.uplink.plan.picture).toBeGreaterThanOrEqual(40_000);
    expect(line.changes()).toBe(1);
  });

  it("repeats the voice on a way that loses a third of it, however little the browser believes in", () => {
    const line = new Line().run(5, 5_000_000).run(40, 5_000_000, { estimate: 60_000, loss: 0.3, roundTrip: 0.05 });
    expect(line.mode).not.toBe("full");
    expect(line.uplink.plan.red).toBe(true);
    line.run(20, 5_000_000, { estimate: 60_000, loss: 0, roundTrip: 0.05 });
    expect(line.uplink.plan.red).toBe(false);
    line.run(5, 5_000_000, { estimate: 60_000, loss: 0.3, roundTrip: 0.5 });
    expect(line.uplink.plan.red).toBe(false);
  });

  it("sends the voice alone on 60 kbit/s within seconds", () => {
    const line = new Line().run(5, 5_000_000).run(12, 60_000);
    expect(line.modes.slice(0, 14)).toContain("sound");
    expect(line.uplink.plan.red).toBe(false);
  });

  it("tries the picture less and less often where it does not fit", () => {
    const line = new Line().run(5, 5_000_000).run(300, 60_000);
    const tries = line.modes.flatMap((mode, index) => (mode === "small" && line.modes[index - 1] === "sound" ? [index] : []));
    expect(tries.length).toBeGreaterThan(1);
    expect(tries.length).toBeLessThan(8);
    const waits = tries.slice(1).map((each, index) => each - (tries[index] ?? 0));
    expect(waits).toEqual([...waits].sort((a, b) => a - b));
  });

  it("takes a longer way and losses along it for no queue where the browser sees room", () => {
    const line = new Line().run(5, 5_000_000).run(60, 3_000_000, { loss: 0.15, roundTrip: 0.22 });
    expect(line.mode).toBe("full");
    expect(line.changes()).toBe(0);
  });

  it("comes back to everything on a line that goes on losing a tenth", () => {
    const line = new Line().run(5, 5_000_000).run(12, 60_000);
    expect(line.mode).not.toBe("full");
    expect(line.run(40, 3_000_000, { loss: 0.12, roundTrip: 0.22 }).mode).toBe("full");
  });

  it.each([
    [150_000, 10],
    [60_000, 30],
  ])("after a cap of %i bit/s lifts, everything is back within %i s, and stays", (cap, limit) => {
    const line = new Line().run(5, 5_000_000).run(30, cap);
    line.run(limit, 5_000_000);
    expect(line.mode).toBe("full");
    line.run(60, 5_000_000);
    expect(line.modes.slice(-60)).not.toContain("small");
  });

  it("makes the small picture smaller before the sound suffers from a queue", () => {
    const line = new Line().run(5, 5_000_000).run(20, 140_000, { roundTrip: 0.02, loss: 0 });
    const before = line.uplink.plan.picture;
    line.run(4, 140_000, { roundTrip: 0.4 });
    expect(line.mode).toBe("small");
    expect(line.uplink.plan.picture).toBeLessThan(before);
  });

  it("leaves lost packets alone as long as the line is wide: repeated sound mends them", () => {
    const line = new Line().run(60, 5_000_000, { loss: 0.08, roundTrip: 0.2 });
    expect(line.uplink.plan).toMatchObject({ mode: "full", red: true });
  });

  it("goes by its losses in a browser that gives no estimate", () => {
    const line = new Line().run(3, 5_000_000, { estimate: 0 });
    expect(line.mode).toBe("full");
    line.run(4, 150_000, { estimate: 0 });
    expect(line.mode).toBe("small");
  });

  it("judges nothing between the counters of two connections", () => {
    const line = new Line().run(5, 5_000_000);
    line.bytes = 0;
    line.estimate = 1_000;
    line.uplink.restart();
    line.uplink.judge({ at: 10_000, estimate: 1_000, bytesSent: 0, loss: 0, roundTrip: 0.05 });
    expect(line.mode).toBe("full");
  });
});

describe("uplinkSampleOf", () => {
  it("takes the nominated pair's estimate and the voice's own losses", () => {
    const reports = [
      { type: "candidate-pair", nominated: true, availableOutgoingBitrate: 240_000, bytesSent: 900 },
      { type: "candidate-pair", nominated: false, availableOutgoingBitrate: 9_000_000, bytesSent: 5 },
      { type: "remote-inbound-rtp", kind: "audio", fractionLost: 0.02, roundTripTime: 0.08 },
      { type: "remote-inbound-rtp", kind: "video", fractionLost: 0.5, roundTripTime: 3 },
    ];
    expect(uplinkSampleOf(reports, 7)).toEqual({ at: 7, estimate: 240_000, bytesSent: 900, loss: 0.02, roundTrip: 0.08 });
  });
  it("is unknown, not nothing, where a browser says nothing", () => {
    expect(uplinkSampleOf([], 7).estimate).toBe(0);
  });
});
