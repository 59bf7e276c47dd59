/** When a picture that stands still stops counting as live. */
import { describe, expect, it } from "vitest";
import { Flow } from "../../src/room/flow.svelte";

describe("Flow", () => {
  it("stands still when no picture comes for a while, and flows again with the next one", () => {
    const flow = new Flow();
    flow.look(10, 0, false);
    flow.look(10, 2_000, false);
    expect(flow.flowing).toBe(true);
    flow.look(10, 3_000, false);
    expect(flow.flowing).toBe(false);
    flow.look(11, 3_500, false);
    expect(flow.flowing).toBe(true);
  });
  it("waits for the first picture without saying that it stands still", () => {
    const flow = new Flow();
    flow.look(0, 60_000, false);
    expect(flow.flowing).toBe(true);
  });
  it("draws no conclusion while the page is hidden", () => {
    const flow = new Flow();
    flow.look(10, 0, false);
    flow.look(10, 60_000, true);
    flow.look(10, 61_000, false);
    expect(flow.flowing).toBe(true);
  });
  it("gives a picture that is switched on again its time", () => {
    const flow = new Flow();
    flow.look(10, 0, false);
    flow.look(10, 3_000, false);
    flow.begin(9_000);
    flow.look(10, 9_500, false);
    expect(flow.flowing).toBe(true);
  });
});
