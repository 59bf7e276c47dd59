/** Encoders on the presenter's page: which are there, whose they are, and that each of one's own is greeted once. */
import { describe, expect, it, vi } from "vitest";
import { Encoders } from "../../src/lectures/host/encoders.svelte";
import type { Encoder, Events } from "../../src/lib/protocol";

const listed = (id: string, created_by: string, connected = false) => ({ id, label: id.toUpperCase(), created_by, connected });
const encoder = (id: string, connected = true): Encoder => ({ id, name: id.toUpperCase(), connected });

function page(items: ReturnType<typeof listed>[]) {
  let heard: (payload: Events["lecture.devices"]) => void = () => undefined;
  const list = vi.fn(() => Promise.resolve(items));
  const connection = {
    on: (_: string, handler: never) => {
      heard = handler;
      return () => (heard = () => undefined);
    },
    onReady: (handler: () => void) => {
      handler();
      return () => undefined;
    },
  };
  const encoders = new Encoders({ lecture: "l", me: "me", connection: connection as never, list });
  const came = vi.fn();
  const stop = encoders.start(came);
  return { encoders, came, stop, list, items, tell: (devices: Encoder[], lecture = "l") => heard({ lecture, devices }) };
}
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

describe("Encoders", () => {
  it("finds one that waited before the page was opened, and greets it once", async () => {
    const { encoders, came, tell } = page([listed("obs", "me", true), listed("hall", "other")]);
    await settle();
    expect(encoders.on).toEqual([encoder("obs")]);
    tell([encoder("obs")]);
    await settle();
    expect(came.mock.calls).toEqual([["OBS"]]);
  });
  it("shows another presenter's and greets it not", async () => {
    const { encoders, came, tell } = page([listed("hall", "other")]);
    await settle();
    tell([encoder("hall")]);
    await settle();
    expect([...encoders.ids]).toEqual(["hall"]);
    expect(encoders.mine.has("hall")).toBe(false);
    expect(came).not.toHaveBeenCalled();
  });
  it("asks whose a new token is", async () => {
    const { came, items, list, tell } = page([]);
    await settle();
    items.push(listed("obs", "me", true));
    tell([encoder("obs")]);
    await settle();
    expect(list).toHaveBeenCalledTimes(2);
    expect(came).toHaveBeenCalledWith("OBS");
  });
  it("believes what it was told over a list that was asked for before", async () => {
    const { encoders, tell } = page([listed("obs", "me", true)]);
    tell([]);
    await settle();
    expect(encoders.on).toEqual([]);
  });
  it("leaves out one whose line is lost, and other lectures' ones", async () => {
    const { encoders, tell } = page([listed("obs", "me")]);
    await settle();
    tell([encoder("obs", false)]);
    tell([encoder("hall")], "another");
    await settle();
    expect(encoders.all).toEqual([encoder("obs", false)]);
    expect(encoders.on).toEqual([]);
  });
});
