/** The player's decisions: its state, what it says over the picture, how pictures keep together, what a thin line gets. */
import { describe, expect, it } from "vitest";
import { coverOf, differing, follow, isNear, levelFor, shouldJump, SmallInstead, stateOf, ThinLine, type Situation } from "../../src/lib/lecture-player";

const situation = (change: Partial<Situation>): Situation => ({
  status: "in-progress", ready: true, ended: false, startsIn: -60, awayFor: 0, waitingFor: 0, lineDown: false, empty: false, rolled: false, ...change,
}); // prettier-ignore

describe("state", () => {
  it("goes from loading over live to replay and its end", () => {
    expect(stateOf({ status: "planned", ready: false, ended: false })).toBe("loading");
    expect(stateOf({ status: "in-progress", ready: false, ended: false })).toBe("loading");
    expect(stateOf({ status: "in-progress", ready: true, ended: false })).toBe("live");
    expect(stateOf({ status: "completed", ready: true, ended: false })).toBe("replay");
    expect(stateOf({ status: "completed", ready: true, ended: true })).toBe("ended");
  });
});

describe("cover", () => {
  it("announces before, and waits when the time has come", () => {
    expect(coverOf(situation({ status: "planned", startsIn: 90, ready: false }))).toBe("before");
    expect(coverOf(situation({ status: "planned", startsIn: -3, ready: false }))).toBe("soon");
    expect(coverOf(situation({ status: "cancelled" }))).toBe("cancelled");
  });

  it("says 'back in a moment' of a presenter who lost the line, when the picture gets there", () => {
    expect(coverOf(situation({ awayFor: 0.5 }))).toBe("none");
    expect(coverOf(situation({ awayFor: 3 }))).toBe("away");
    expect(coverOf(situation({ awayFor: 0.5, waitingFor: 2 }))).toBe("away");
    expect(coverOf(situation({ awayFor: 0.5, ready: false }))).toBe("away");
    expect(coverOf(situation({ awayFor: 3, status: "completed" }))).toBe("none");
  });

  it("tells our own lost line from a mere wait, and overlooks a short one", () => {
    expect(coverOf(situation({ waitingFor: 2, lineDown: true }))).toBe("lost");
    expect(coverOf(situation({ waitingFor: 2 }))).toBe("waiting");
    expect(coverOf(situation({ waitingFor: 0.5, lineDown: true }))).toBe("none");
    expect(coverOf(situation({ ready: false }))).toBe("opening");
  });

  it("offers the replay to those who saw the end", () => {
    expect(coverOf(situation({ status: "completed", rolled: true }))).toBe("over");
    expect(coverOf(situation({ status: "completed" }))).toBe("none");
    expect(coverOf(situation({ status: "completed", ready: false, empty: true }))).toBe("nothing");
  });
});

describe("the edge", () => {
  it("is left waiting for only by those who were there and whom it left behind", () => {
    expect(isNear(4)).toBe(true);
    expect(isNear(30)).toBe(false);
    expect(shouldJump({ waitingFor: 5, behind: 6, follows: true })).toBe(true);
    expect(shouldJump({ waitingFor: 5, behind: 6, follows: false })).toBe(false);
    expect(shouldJump({ waitingFor: 5, behind: 1, follows: true })).toBe(false);
    expect(shouldJump({ waitingFor: 2, behind: 60, follows: true })).toBe(false);
    expect(shouldJump({ waitingFor: 0, behind: 8, follows: true })).toBe(true);
    expect(shouldJump({ waitingFor: 0, behind: 8, follows: false })).toBe(false);
    expect(shouldJump({ waitingFor: 0, behind: 5, follows: true })).toBe(false);
  });
});

describe("another picture beside the speaker's", () => {
  it("is left alone while nobody notices", () => expect(follow(10, 1, 10.03)).toEqual({ seek: null, rate: 1 }));

  it("hurries or lingers a little for small drift, whatever the speaker's pace", () => {
    expect(follow(10, 1, 9.9).rate).toBeGreaterThan(1);
    expect(follow(10, 1, 10.1).rate).toBeLessThan(1);
    expect(follow(10, 1.5, 9.9).rate).toBeGreaterThan(1.5);
    expect(follow(10, 1, 10.5).rate).toBeGreaterThanOrEqual(0.92);
  });

  it("jumps for large drift", () => expect(follow(10, 1, 14).seek).toBeCloseTo(10.1));

  it("comes together within seconds", () => {
    let [leader, other] = [0, -0.5];
    for (let tick = 0; tick < 100; tick += 1) {
      const { seek, rate } = follow(leader, 1, other);
      leader += 0.2;
      other = (seek ?? other) + 0.2 * rate;
    }
    expect(Math.abs(leader - other)).toBeLessThan(0.05);
  });
});

/** One stall at a moment, over at once. */
function stall(line: ThinLine, at: number, lowest: boolean): void {
  line.look(at, { waitingFor: 1.2, behind: 4, lowest, excused: false });
  line.look(at, { waitingFor: 0, behind: 4, lowest, excused: false });
}

describe("a thin line", () => {
  it("is spared the picture after two stalls in the smallest one, close together", () => {
    const line = new ThinLine();
    stall(line, 0, true);
    expect(line.sparing).toBe(false);
    stall(line, 30_000, true);
    expect(line.sparing).toBe(false);
    stall(line, 35_000, true);
    expect(line.sparing).toBe(true);
  });

  it("takes the smallest picture first, and none when that stalls as well", () => {
    const line = new ThinLine();
    stall(line, 0, false);
    expect(line.small).toBe(false);
    stall(line, 4_000, false);
    expect([line.small, line.sparing]).toEqual([true, false]);
    for (const at of [5_000, 8_000, 11_000, 13_000]) stall(line, at, true); // the step is given its time
    expect(line.sparing).toBe(false);
    stall(line, 16_000, true);
    expect([line.small, line.sparing]).toEqual([true, true]);
  });

  it("tries more after a rest, a step at a time, and each time after a longer one", () => {
    const line = new ThinLine();
    stall(line, 0, true);
    stall(line, 1_000, true);
    expect(line.retry(30_000)).toBe(false);
    expect(line.retry(31_000)).toBe(true);
    expect([line.small, line.sparing]).toEqual([true, false]);
    expect(line.retry(90_000)).toBe(false);
    expect(line.retry(91_000)).toBe(true);
    expect(line.small).toBe(false);
    expect(line.retry(999_000)).toBe(false);
  });

  it("is told by a stall that goes on, too, but not by a part that is merely late", () => {
    const line = new ThinLine();
    for (let at = 0; at <= 10_000; at += 200) line.look(at, { waitingFor: at / 1000, behind: 0.5, lowest: false, excused: false });
    expect(line.small).toBe(false);
    for (let at = 0; at <= 3_800; at += 200) line.look(at, { waitingFor: 1.2 + at / 1000, behind: 4, lowest: false, excused: false });
    expect(line.small).toBe(true);
  });

  it("is not blamed for what does not come because the presenters or the connection are away", () => {
    const line = new ThinLine();
    for (let at = 0; at <= 30_000; at += 200) line.look(at, { waitingFor: at / 1000, behind: 9, lowest: false, excused: true });
    for (let at = 30_200; at <= 32_800; at += 200) line.look(at, { waitingFor: at / 1000, behind: 9, lowest: false, excused: false });
    stall(line, 34_000, false);
    expect(line.small).toBe(false);
    stall(line, 36_000, false);
    expect(line.small).toBe(true);
  });
});

describe("a large picture that is not sent", () => {
  it("is stood in for by the small one after a moment, and tried again, each time later", () => {
    const picture = new SmallInstead();
    expect(picture.look(0, true, false)).toBe(false);
    expect(picture.look(3_500, false, false)).toBe(false);
    expect(picture.look(4_000, true, false)).toBe(false);
    expect(picture.look(8_000, true, false)).toBe(true);
    expect(picture.look(19_000, false, true)).toBe(true);
    expect(picture.look(20_000, false, true)).toBe(false);
    expect(picture.look(20_200, true, false)).toBe(false);
    expect(picture.look(24_200, true, false)).toBe(true);
    expect(picture.look(48_000, false, true)).toBe(true);
    expect(picture.look(48_200, false, true)).toBe(false);
  });

  it("is not held against a camera that is off: there is nothing smaller to see", () => {
    const picture = new SmallInstead();
    for (const at of [0, 1_000, 9_000]) expect(picture.look(at, true, true)).toBe(false);
  });
});

describe("quality", () => {
  it("holds to the largest or the smallest picture, whatever their order", () => {
    expect(levelFor("high", [180, 720])).toBe(1);
    expect(levelFor("low", [180, 720])).toBe(0);
    expect(levelFor("high", [720, 180])).toBe(0);
    expect(levelFor("auto", [180, 720])).toBe(-1);
    expect(levelFor("high", [720])).toBe(-1);
    expect(levelFor("high", [720, 180, 720, 180])).toBe(0);
    expect(levelFor("low", [720, 720])).toBe(-1);
    expect([[720, 180, 720, 180], [720, 720], []].map(differing)).toEqual([2, 1, 0]);
  });
});
