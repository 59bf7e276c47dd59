/** The connection that carries what others send: the server offers as publications come and go, we answer. */

import type { Events, OfferedTrack, Source } from "../protocol";
import { Link, type LinkOptions } from "./link";
import { OfferQueue } from "./queue";

type Offer = Events["media.offer"];

/** What one participant sends us now. */
export type RemoteTracks = Partial<Record<Source, MediaStreamTrack>>;

export interface SubscriberOptions extends LinkOptions {
  /** Called after each answered offer with everything that is received now, by participant. */
  onTracks: (tracks: Map<string, RemoteTracks>) => void;
}

export class Subscriber extends Link {
  #offers = new OfferQueue<Offer>();
  readonly #onTracks: SubscriberOptions["onTracks"];

  constructor(options: SubscriberOptions) {
    super(options);
    this.#onTracks = options.onTracks;
  }

  /** Hold sound and pictures back for so many milliseconds, so that they stay in step; 0 leaves it to the browser. */
  hold(milliseconds: number): void {
    for (const { receiver } of this.peer.getTransceivers()) {
      // Not every browser has it: there the picture may stand still a little more often.
      if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = milliseconds || null;
    }
  }

  /** An offer arrived; stale ones are dropped, waiting ones are overtaken by newer ones. */
  offer(offer: Offer): void {
    if (!this.#offers.put(offer)) return;
    void this.serial.run(() => this.#answer());
  }

  protected override furnish(): void {
    this.#offers.begin(this.session);
  }

  /** Asking again under the same session makes the server offer everything anew, with new ICE credentials. */
  protected override async negotiate(): Promise<void> {
    await this.options.signalling.subscribe(this.session);
  }

  async #answer(): Promise<void> {
    const offer = this.#offers.take();
    if (!offer || this.state === "closed") return;
    const peer = this.peer;
    try {
      this.admit(offer.sdp);
      await peer.setRemoteDescription({ type: "offer", sdp: offer.sdp });
      await peer.setLocalDescription(await peer.createAnswer());
      this.#publishTracks(peer, offer.tracks);
      if (this.#offers.isCurrent(offer)) {
        await this.options.signalling.answer(offer.session, offer.version, peer.localDescription?.sdp ?? "");
      }
      if (offer.tracks.length > 0) this.expectConnected();
    } catch (error) {
      if (peer === this.peer) this.recover(error);
    }
  }

  /** m-lines are reused for other people's tracks: the offer's table, not the stream, says whose a track is. */
  #publishTracks(peer: RTCPeerConnection, table: OfferedTrack[]): void {
    const byMid = new Map(peer.getTransceivers().map((transceiver) => [transceiver.mid, transceiver.receiver.track]));
    const people = new Map<string, RemoteTracks>();
    for (const { mid, participant, source } of table) {
      const track = byMid.get(mid);
      if (!track) continue;
      const tracks = people.get(participant) ?? {};
      tracks[source] = track;
      people.set(participant, tracks);
    }
    this.#onTracks(people);
  }
}
