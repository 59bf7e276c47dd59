/** The shared connection: what waits, what fails at once, what is dropped. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Socket as Wire } from "socket.io-client";
import { Connection } from "../src/lib/socket";

const HELLO = { ok: true, me: "me", server_time: "2026-01-01T00:00:00Z" };

/** Stands in for socket.io's client: `answer` decides each acknowledgement; undefined means silence. */
class FakeWire {
  connected = false;
  active = false;
  dials = 0;
  sent: [string, unknown][] = [];
  answer: (event: string, payload: unknown) => unknown = () => HELLO;
  handlers = new Map<string, (payload: unknown) => void>();
  io = { engine: { close: () => this.drop("transport close") } };
  volatile = { emit: (event: string, payload: unknown) => void this.sent.push([event, payload]) };
  #broken: (() => void)[] = [];

  on(event: string, handler: (payload: unknown) => void): void {
    this.handlers.set(event, handler);
  }
  connect(): void {
    this.dials += 1;
    this.active = true;
  }
  disconnect(): void {
    this.active = false;
    this.connected = false;
  }
  arrive(): void {
    this.connected = true;
    this.handlers.get("connect")?.(undefined);
  }
  drop(reason: string): void {
    this.connected = false;
    this.active = reason !== "io server disconnect";
    for (const each of this.#broken.splice(0)) each();
    this.handlers.get("disconnect")?.(reason);
  }
  timeout(limit: number): { emitWithAck(event: string, payload: unknown): Promise<unknown> } {
    return {
      emitWithAck: (event, payload) =>
        new Promise((resolve, reject) => {
          this.sent.push([event, payload]);
          this.#broken.push(() => reject(new Error("socket has been disconnected")));
          const answer = this.answer(event, payload);
          if (answer === undefined) setTimeout(() => reject(new Error("operation has timed out")), limit);
          else resolve(answer);
        }),
    };
  }
}

let wire: FakeWire;
let connection: Connection;
async function online(): Promise<void> {
  connection.connect();
  wire.arrive();
  await vi.advanceTimersByTimeAsync(1);
}
const publish = { room: "r", session: "s", sdp: "v=0", sources: {} };
const line = { room: "r", text: "hello", client_id: "c" };
const message = { id: "m", kind: "chat", author: { id: "a", name: "A" }, text: "hello", at: "", offset: 0, client_id: "c" };

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  wire = new FakeWire();
  connection = new Connection(wire as unknown as Wire);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("Connection", () => {
  it("greets before it is online, and dials once however often it is asked", async () => {
    connection.connect();
    connection.connect();
    expect(wire.dials).toBe(1);
    expect(connection.state).toBe("reconnecting");
    wire.arrive();
    await vi.advanceTimersByTimeAsync(1);
    expect(wire.sent[0]?.[0]).toBe("hello");
    expect(connection.state).toBe("online");
  });
  it("tells those who care after each greeting", async () => {
    const ready = vi.fn();
    connection.onReady(ready);
    await online();
    wire.drop("transport close");
    wire.arrive();
    await vi.advanceTimersByTimeAsync(1);
    expect(ready).toHaveBeenCalledTimes(2);
  });
  it("refuses at once what makes no sense later", async () => {
    await expect(connection.request("media.publish", publish)).rejects.toMatchObject({ code: "offline" });
  });
  it("keeps what may wait, and sends it again when the line broke before the answer", async () => {
    await online();
    wire.answer = (event) => (event === "chat.send" ? undefined : HELLO);
    const sending = connection.request("chat.send", line, { whenDown: "wait", timeout: 60_000 });
    await vi.advanceTimersByTimeAsync(100);
    wire.drop("transport close");
    wire.answer = (event) => (event === "chat.send" ? { ok: true, message } : HELLO);
    wire.arrive();
    await vi.advanceTimersByTimeAsync(1);
    await expect(sending).resolves.toEqual({ message });
    expect(wire.sent.filter(([event]) => event === "chat.send")).toHaveLength(2);
  });
  it("gives up waiting when the time is over", async () => {
    const sending = connection.request("chat.send", line, { whenDown: "wait", timeout: 5_000 });
    const outcome = expect(sending).rejects.toMatchObject({ code: "offline" });
    await vi.advanceTimersByTimeAsync(5_001);
    await outcome;
  });
  it("drops and counts messages that cannot be read", async () => {
    const heard = vi.fn();
    connection.on("stage", heard);
    wire.handlers.get("stage")?.({ room: 7 });
    wire.handlers.get("stage")?.({ room: "r", file: null });
    expect(heard).toHaveBeenCalledExactlyOnceWith({ room: "r", file: null, by: null });
    expect(connection.malformed).toBe(1);
  });
  it("finds a line that died unnoticed", async () => {
    await online();
    wire.answer = () => undefined;
    const alive = connection.probe();
    await vi.advanceTimersByTimeAsync(3_000);
    expect(await alive).toBe(false);
    expect(connection.state).toBe("reconnecting");
  });
  it("dials at once when the network is back, without waiting for the attempt under way", async () => {
    await online();
    wire.drop("transport close");
    const { dials } = wire;
    connection.hurry();
    expect(wire.dials).toBe(dials + 1);
    wire.arrive();
    await vi.advanceTimersByTimeAsync(1);
    expect(connection.state).toBe("online");
    connection.hurry();
    expect(wire.dials).toBe(dials + 1);
  });
  it("says offline after a while, and comes back from there", async () => {
    await online();
    wire.drop("ping timeout");
    await vi.advanceTimersByTimeAsync(20_000);
    expect(connection.state).toBe("offline");
    wire.arrive();
    await vi.advanceTimersByTimeAsync(1);
    expect(connection.state).toBe("online");
  });
  it("sends nothing worthless-when-late while the line is down", () => {
    connection.volatile("pointer.move", { room: "r", target: "file:x", x: 0, y: 0 });
    expect(wire.sent).toEqual([]);
  });
  it("ends for good with the session, until the next sign-in", async () => {
    await online();
    wire.handlers.get("session.ended")?.({ reason: "revoked" });
    expect(connection.state).toBe("signed-out");
    await expect(connection.request("hello", { tab_visible: true })).rejects.toMatchObject({ code: "signed-out" });
    await online();
    expect(connection.state).toBe("online");
  });
});
