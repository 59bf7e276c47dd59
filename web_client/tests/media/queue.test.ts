/** Offers are answered in order, stale ones never; jobs do not overlap. */
import { describe, expect, it } from "vitest";
import { fingerprints, OfferQueue, Serial } from "../../src/lib/media/queue";

describe("OfferQueue", () => {
  const offer = (session: string, version: number) => ({ session, version });

  it("takes the newest of those that wait", () => {
    const queue = new OfferQueue<{ session: string; version: number }>();
    queue.begin("a");
    expect([1, 3, 2].map((version) => queue.put(offer("a", version)))).toEqual([true, true, false]);
    expect(queue.take()).toEqual(offer("a", 3));
    expect(queue.take()).toBeNull();
  });
  it("refuses other sessions and what is not newer than the last taken", () => {
    const queue = new OfferQueue<{ session: string; version: number }>();
    queue.begin("a");
    expect(queue.put(offer("b", 9))).toBe(false);
    queue.put(offer("a", 2));
    queue.take();
    expect(queue.put(offer("a", 2))).toBe(false);
    expect(queue.put(offer("a", 1))).toBe(false);
  });
  it("forgets everything when a new session begins", () => {
    const queue = new OfferQueue<{ session: string; version: number }>();
    queue.begin("a");
    queue.put(offer("a", 7));
    queue.begin("b");
    expect(queue.take()).toBeNull();
    expect(queue.put(offer("b", 0))).toBe(true);
  });
  it("knows when an answer has been overtaken", () => {
    const queue = new OfferQueue<{ session: string; version: number }>();
    queue.begin("a");
    queue.put(offer("a", 1));
    const first = queue.take();
    expect(first && queue.isCurrent(first)).toBe(true);
    queue.put(offer("a", 2));
    expect(first && queue.isCurrent(first)).toBe(false);
  });
});

describe("Serial", () => {
  it("runs one job at a time, in order, and goes on after a failure", async () => {
    const serial = new Serial();
    const log: string[] = [];
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const first = serial.run(async () => {
      log.push("first begins");
      await gate;
      log.push("first ends");
      throw new Error("no");
    });
    const second = serial.run(async () => log.push("second"));
    release();
    await expect(first).rejects.toThrow("no");
    await second;
    expect(log).toEqual(["first begins", "first ends", "second"]);
  });
});

describe("fingerprints", () => {
  it("is the same whatever the order, the case and the repetition", () => {
    const one = "v=0\r\na=fingerprint:sha-256 AA:BB\r\nm=audio\r\na=fingerprint:sha-256 aa:bb\r\n";
    expect(fingerprints(one)).toBe("a=fingerprint:sha-256 aa:bb");
    expect(fingerprints("a=fingerprint:sha-256 AA:BC")).not.toBe(fingerprints(one));
    expect(fingerprints("v=0")).toBe("");
  });
});
