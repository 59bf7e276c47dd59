/** How the two connections heal: patience first, an ICE restart next, a new connection last. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Publisher } from "../../src/lib/media/publisher";
import { Subscriber, type RemoteTracks } from "../../src/lib/media/subscriber";
import { RequestError } from "../../src/lib/protocol";
import { FakePeer, FakeServer } from "./fakes";

let peers: FakePeer[];
let server: FakeServer;
let states: string[];
const last = (): FakePeer => peers.at(-1) as FakePeer;

function options() {
  let count = 0;
  return {
    signalling: server,
    createPeer: () => {
      peers.push(new FakePeer());
      return last() as unknown as RTCPeerConnection;
    },
    newSession: () => `session-${(count += 1)}`,
    onState: (state: string) => void states.push(state),
  };
}

async function published(): Promise<Publisher> {
  const publisher = new Publisher({ ...options(), codec: "H264", lowCamera: true, steadySound: false });
  await publisher.start();
  last().become("connected");
  return publisher;
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("MediaStream", class {});
  vi.stubGlobal("RTCRtpReceiver", { getCapabilities: () => null });
  vi.stubGlobal("RTCRtpSender", { getCapabilities: () => null });
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  peers = [];
  states = [];
  server = new FakeServer();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe("publishing", () => {
  it("names what each m-line carries and connects once", async () => {
    const publisher = await published();
    expect(server.published).toEqual([
      { session: "session-1", sources: { "0": "microphone", "1": "camera", "2": "camera-low" } },
    ]);
    expect(states).toEqual(["connecting", "connected"]);
    publisher.close();
  });
  it("adds the screen while it is shared and takes its m-line away after", async () => {
    const publisher = await published();
    const screen = {} as MediaStreamTrack;
    await publisher.setScreen(screen);
    expect(server.published.at(-1)?.sources["3"]).toBe("screen");
    await publisher.setScreen(null);
    expect(server.published.at(-1)?.sources).not.toHaveProperty("3");
    await publisher.setScreen(screen);
    expect(server.published.at(-1)?.sources["3"]).toBe("screen");
    publisher.close();
  });
  it("waits a moment before it heals: browsers often come back by themselves", async () => {
    const publisher = await published();
    last().become("disconnected");
    await vi.advanceTimersByTimeAsync(1_000);
    last().become("connected");
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.published).toHaveLength(1);
    expect(states).toEqual(["connecting", "connected", "interrupted", "connected"]);
    publisher.close();
  });
  it("says nothing into a line that is gone, and speaks at once when it is back, whatever waits for the server", async () => {
    const publisher = await published();
    const speaks = (): boolean | undefined => last().transceivers[0]?.sender?.getParameters().encodings?.[0]?.active;
    expect(speaks()).toBe(true);
    last().become("disconnected");
    await vi.advanceTimersByTimeAsync(0);
    expect(speaks()).toBe(false);
    server.publish = () => new Promise(() => undefined);
    await vi.advanceTimersByTimeAsync(3_000);
    last().become("connected");
    await vi.advanceTimersByTimeAsync(0);
    expect(speaks()).toBe(true);
    publisher.close();
  });
  it("restarts ICE under the same session when the line stays away", async () => {
    const publisher = await published();
    last().become("failed");
    await vi.advanceTimersByTimeAsync(10);
    expect(last().restarts).toBe(1);
    expect(server.published.map(({ session }) => session)).toEqual(["session-1", "session-1"]);
    publisher.close();
  });
  it("builds a new connection when the restart brings nothing", async () => {
    const publisher = await published();
    const first = last();
    first.become("failed");
    await vi.advanceTimersByTimeAsync(7_000);
    expect(first.closed).toBe(true);
    expect(server.published.at(-1)?.session).toBe("session-2");
    last().become("connected");
    expect(publisher.state).toBe("connected");
    publisher.close();
  });
  it("gives a slow line twice the time each time, until it connects", async () => {
    const publisher = await published();
    last().become("failed");
    await vi.advanceTimersByTimeAsync(6_100);
    expect(peers).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(11_500);
    expect(peers).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(peers).toHaveLength(3);
    last().become("connected");
    last().become("failed");
    await vi.advanceTimersByTimeAsync(6_100);
    expect(peers).toHaveLength(4);
    publisher.close();
  });
  it("builds anew at once when the server answers with other keys", async () => {
    const publisher = await published();
    server.keys = "BB";
    await publisher.resume();
    await vi.advanceTimersByTimeAsync(10);
    expect(peers).toHaveLength(2);
    expect(server.published.at(-1)?.session).toBe("session-2");
    publisher.close();
  });
  it("keeps its connection while there is no line to the server", async () => {
    const publisher = await published();
    server.up = false;
    last().become("failed");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(peers).toHaveLength(1);
    server.up = true;
    await publisher.resume();
    expect(server.published.map(({ session }) => session)).toEqual(["session-1", "session-1"]);
    publisher.close();
  });
  it("goes on looking for the server while there is no line to it, with what it said last", async () => {
    const publisher = await published();
    server.up = false;
    last().become("failed");
    await vi.advanceTimersByTimeAsync(1);
    expect([last().restarts, last().remote]).toEqual([1, ["a=fingerprint:sha-256 AA", "a=fingerprint:sha-256 AA"]]);
    last().become("connecting");
    last().become("failed");
    await vi.advanceTimersByTimeAsync(1);
    expect(last().restarts).toBe(2);
    last().become("connected");
    expect([publisher.state, server.published.length]).toEqual(["connected", 1]);
    publisher.close();
  });
  it("leaves alone what is there when the line to the server is back", async () => {
    const publisher = await published();
    last().silence = 40;
    await publisher.resume();
    expect([last().restarts, server.published.length]).toEqual([0, 1]);
    last().silence = 900;
    await publisher.resume();
    expect([last().restarts, server.published.length]).toEqual([1, 2]);
    publisher.close();
  });
  it("does not leave it alone where something is still to be agreed", async () => {
    const publisher = await published();
    last().silence = 40;
    server.fail = new RequestError("offline");
    await publisher.setScreen({} as MediaStreamTrack);
    expect(server.published).toHaveLength(1);
    await publisher.resume();
    expect(server.published.at(-1)?.sources["3"]).toBe("screen");
    publisher.close();
  });
  it("tells the server new credentials with the next exchange after it found it alone", async () => {
    const publisher = await published();
    server.up = false;
    last().become("failed");
    await vi.advanceTimersByTimeAsync(1);
    last().become("connected");
    server.up = true;
    last().silence = 40;
    await publisher.resume();
    expect([last().restarts, server.published.length]).toEqual([1, 1]);
    await publisher.setScreen({} as MediaStreamTrack);
    expect([last().restarts, server.published.length]).toEqual([2, 2]);
    await publisher.setScreen(null);
    expect([last().restarts, server.published.length]).toEqual([2, 3]);
    publisher.close();
  });
  it("tries again later, on the same connection, when the answer did not come", async () => {
    const publisher = await published();
    server.fail = new RequestError("timeout");
    await publisher.resume();
    expect(server.published).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(600);
    expect(peers).toHaveLength(1);
    expect(server.published).toHaveLength(2);
    publisher.close();
  });
  it("does nothing more once closed", async () => {
    const publisher = await published();
    last().become("failed");
    publisher.close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.published).toHaveLength(1);
    expect(last().closed).toBe(true);
  });
});

describe("subscribing", () => {
  const offer = (version: number, session = "session-1", keys = "AA") => ({
    room: "r", session, version, sdp: `offer ${version}\r\na=fingerprint:sha-256 ${keys}`,
    tracks: [{ mid: "0", participant: "p", source: "camera" as const, kind: "video" as const }],
  });
  let tracks: Map<string, RemoteTracks>;
  async function subscribed(): Promise<Subscriber> {
    const subscriber = new Subscriber({ ...options(), onTracks: (now) => (tracks = now) });
    await subscriber.start();
    last().transceivers = [{ mid: "0", direction: "recvonly", kind: "video", receiver: { track: { id: "t" } } }];
    return subscriber;
  }

  it("answers offers and says whose each track is", async () => {
    const subscriber = await subscribed();
    subscriber.offer(offer(1));
    await vi.advanceTimersByTimeAsync(1);
    expect(server.answered).toEqual([["session-1", 1]]);
    expect(tracks.get("p")?.camera).toEqual({ id: "t" });
    subscriber.close();
  });
  it("takes the server's offer for an answer when it looks for it alone", async () => {
    const subscriber = await subscribed();
    subscriber.offer({ ...offer(1), sdp: `${offer(1).sdp}\r\na=setup:actpass\r\n` });
    await vi.advanceTimersByTimeAsync(1);
    last().become("connected");
    server.up = false;
    last().become("failed");
    await vi.advanceTimersByTimeAsync(1);
    expect(last().localDescription?.type).toBe("offer");
    expect(last().currentRemoteDescription).toEqual({ type: "answer", sdp: `${offer(1).sdp}\r\na=setup:passive\r\n` });
    expect(server.subscribed).toEqual(["session-1"]);
    subscriber.close();
  });
  it("answers neither older offers nor those of another session", async () => {
    const subscriber = await subscribed();
    subscriber.offer(offer(2));
    await vi.advanceTimersByTimeAsync(1);
    subscriber.offer(offer(1));
    subscriber.offer(offer(9, "session-0"));
    await vi.advanceTimersByTimeAsync(1);
    expect(server.answered).toEqual([["session-1", 2]]);
    subscriber.close();
  });
  it("answers only the newest of several that wait", async () => {
    const subscriber = await subscribed();
    subscriber.offer(offer(1));
    subscriber.offer(offer(2));
    subscriber.offer(offer(3));
    await vi.advanceTimersByTimeAsync(1);
    expect(server.answered).toEqual([["session-1", 3]]);
    subscriber.close();
  });
  it("is content with nobody to hear", async () => {
    const subscriber = await subscribed();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(peers).toHaveLength(1);
    expect(subscriber.state).toBe("idle");
    subscriber.close();
  });
  it("begins a new session when the offer's keys changed", async () => {
    const subscriber = await subscribed();
    subscriber.offer(offer(1));
    await vi.advanceTimersByTimeAsync(1);
    last().become("connected");
    subscriber.offer(offer(2, "session-1", "BB"));
    await vi.advanceTimersByTimeAsync(10);
    expect(server.subscribed).toEqual(["session-1", "session-2"]);
    subscriber.close();
  });
});
