/** Why a device does not open, and in which browser. */
import { describe, expect, it } from "vitest";
import { browserOf, problemOf, videoConstraints } from "../../src/lib/devices";
import { loudness } from "../../src/lib/sound";

describe("problemOf", () => {
  const error = (name: string, message = ""): Error => Object.assign(new Error(message), { name });
  it.each([
    [error("NotAllowedError", "Permission denied"), "blocked"],
    [error("NotAllowedError", "Permission denied by system"), "system"],
    [error("NotFoundError"), "missing"],
    [error("NotReadableError"), "busy"],
    [error("SecurityError"), "insecure"],
    [error("TypeError"), "failed"],
    ["nonsense", "failed"],
  ])("%s", (cause, word) => expect(problemOf(cause)).toBe(word));
});

describe("browserOf", () => {
  const safari = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15";
  it.each([
    ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36", 0, "chrome"],
    ["Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Mobile Safari/537.36", 5, "android"],
    ["Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/130.0 Mobile Safari/537.36 MicroMessenger/8.0.60", 5, "wechat"],
    ["Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0", 0, "firefox"],
    ["Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 Version/26.0 Mobile/15E148 Safari/604.1", 5, "ios"],
    [safari, 0, "safari"],
    [safari, 5, "ios"],
  ])("%s with %i touch points", (agent, touch, browser) => expect(browserOf(agent, touch)).toBe(browser));
});

describe("videoConstraints", () => {
  it("asks for a side by name before a camera by id", () => {
    expect(videoConstraints({ facing: "environment", camera: "x" })).toMatchObject({ facingMode: { ideal: "environment" } });
    expect(videoConstraints({ camera: "x" })).toMatchObject({ deviceId: { ideal: "x" } });
  });
});

describe("loudness", () => {
  it("is nothing in silence, a part for quiet and all for loud speech", () => {
    const level = (amplitude: number): number => loudness(Float32Array.from({ length: 1024 }, (_, i) => amplitude * Math.sin(i / 5)));
    expect(level(0)).toBe(0);
    expect(level(0.005)).toBeGreaterThan(0.15);
    expect(level(0.05)).toBeGreaterThan(level(0.005));
    expect(level(1)).toBe(1);
  });
});
