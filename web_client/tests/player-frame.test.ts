/** What a key means to a player, and when its controls step back. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { PlayerFrame } from "../src/lib/player-frame.svelte";

const player = { playing: true, toggle: vi.fn(), step: vi.fn() };
const own = { m: vi.fn() };
/** A key pressed in an element that is, or stands in, one of these. */
function press(key: string, inside: string[] = [], held: object = {}): boolean {
  const target = { closest: (selector: string) => (inside.some((each) => selector.split(", ").includes(each)) ? {} : null) };
  const event = { key, target, ...held, preventDefault: vi.fn() };
  frame.press(event as unknown as KeyboardEvent, player, own);
  return event.preventDefault.mock.calls.length > 0;
}
let frame: PlayerFrame;

beforeEach(() => {
  vi.useFakeTimers();
  vi.clearAllMocks();
  player.playing = true;
  frame = new PlayerFrame(() => player.playing);
});
afterEach(() => void vi.useRealTimers());

describe("a key", () => {
  it("plays, steps, and does what this player alone knows", () => {
    for (const key of ["k", " ", "j", "ArrowRight", "m"]) expect(press(key)).toBe(true);
    expect(player.toggle).toHaveBeenCalledTimes(2);
    expect(player.step.mock.calls).toEqual([[-10], [5]]);
    expect(own.m).toHaveBeenCalledOnce();
    expect(press("x")).toBe(false);
  });

  it("is left alone where it means something else", () => {
    for (const place of ["textarea", "dialog", "[role=menu]"]) expect(press("k", [place])).toBe(false);
    expect(press("k", [], { ctrlKey: true })).toBe(false);
    expect(press(" ", ["button"])).toBe(false);
    expect(press("k", ["button"])).toBe(true);
    expect(player.toggle).toHaveBeenCalledOnce();
  });
});

it("controls step back after a moment without a touch, while it plays", () => {
  frame.touched();
  vi.advanceTimersByTime(2_000);
  frame.touched();
  vi.advanceTimersByTime(2_000);
  expect(frame.idle).toBe(false);
  vi.advanceTimersByTime(1_000);
  expect(frame.idle).toBe(true);
  player.playing = false;
  frame.touched();
  vi.advanceTimersByTime(9_000);
  expect(frame.idle).toBe(false);
});
