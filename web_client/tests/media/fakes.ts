/** A peer connection and a media server in memory, enough to test how a link heals. */
import type { Signalling } from "../../src/lib/media/link";

export class FakePeer {
  connectionState: RTCPeerConnectionState = "new";
  signalingState: RTCSignalingState = "stable";
  localDescription: { type: string; sdp: string } | null = null;
  currentRemoteDescription: { type: string; sdp: string } | null = null;
  remote: string[] = [];
  restarts = 0;
  closed = false;
  /** Milliseconds since something was last received; null where the browser does not tell. */
  silence: number | null = null;
  transceivers: {
    mid: string | null;
    direction: string;
    kind: string;
    receiver: { track: object };
    sender?: { getParameters: () => { encodings?: { active?: boolean }[] } };
  }[] = [];
  onconnectionstatechange: (() => void) | null = null;
  ontrack: unknown = null;

  addTransceiver(kind: string, init: { direction: string; sendEncodings?: object[] }): unknown {
    let parameters: { encodings?: object[] } = init.sendEncodings ? { encodings: init.sendEncodings } : {};
    const transceiver = {
      mid: null as string | null,
      direction: init.direction,
      kind,
      receiver: { track: {} },
      sender: {
        replaceTrack: async () => undefined,
        getParameters: () => parameters,
        setParameters: async (changed: object) => void (parameters = changed),
      },
      setCodecPreferences: () => undefined,
    };
    this.transceivers.push(transceiver);
    return transceiver;
  }
  getTransceivers(): unknown[] {
    return this.transceivers;
  }
  restartIce(): void {
    this.restarts += 1;
  }
  async createOffer(): Promise<{ type: string; sdp: string }> {
    return { type: "offer", sdp: "offer" };
  }
  async createAnswer(): Promise<{ type: string; sdp: string }> {
    return { type: "answer", sdp: "answer" };
  }
  async setLocalDescription(description: { type: string; sdp: string }): Promise<void> {
    for (const [index, each] of this.transceivers.entries()) each.mid ??= String(index);
    this.localDescription = description;
  }
  async setRemoteDescription(description: { type: string; sdp: string }): Promise<void> {
    this.remote.push(description.sdp);
    this.currentRemoteDescription = description;
  }
  async getStats(): Promise<Map<string, object>> {
    const pair = { type: "candidate-pair", nominated: false, timestamp: 90_000 };
    return new Map([["CP", this.silence === null ? pair : { ...pair, lastPacketReceivedTimestamp: 90_000 - this.silence }]]);
  }
  close(): void {
    this.closed = true;
    this.connectionState = "closed";
    this.signalingState = "closed";
  }
  become(state: RTCPeerConnectionState): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
}

/** Records what it is asked; `fail` is thrown by the next request. */
export class FakeServer implements Signalling {
  published: { session: string; sources: Record<string, string> }[] = [];
  subscribed: string[] = [];
  answered: [string, number][] = [];
  keys = "AA";
  up = true;
  fail: Error | null = null;

  async publish(session: string, _sdp: string, sources: Record<string, string>): Promise<string> {
    this.#refuse();
    this.published.push({ session, sources });
    return `a=fingerprint:sha-256 ${this.keys}`;
  }
  async subscribe(session: string): Promise<void> {
    this.#refuse();
    this.subscribed.push(session);
  }
  async answer(session: string, version: number): Promise<void> {
    this.#refuse();
    this.answered.push([session, version]);
  }
  async alive(): Promise<boolean> {
    return this.up;
  }
  #refuse(): void {
    const { fail } = this;
    this.fail = null;
    if (fail) throw fail;
  }
}
