/** One person's presence in one room: joins, comes back, and holds everything the room's page shows. */
import { browserCodecs, RoomMedia, type LineQuality, type MediaState, type RemoteTracks, type UplinkMode } from "../lib/media";
import { Serial } from "../lib/media/queue";
import { RequestError, type Line, type Person, type Reply, type Source } from "../lib/protocol";
import type { Connection, ConnectionState } from "../lib/socket";
import { Chat } from "./chat.svelte";
import { wordsOf } from "./line";
import { LocalMedia, type Switches } from "./local.svelte";
import { Pointers } from "./pointers.svelte";

/** `refused`: this room does not exist for this person. `taken`: another tab of theirs took the seat. */
export type RoomPhase = "joining" | "in" | "ended" | "left" | "refused" | "taken";
export type RoomState = "connecting" | "connected" | "reconnecting" | "ended";

interface Seat {
  participant: string;
  switches: Switches;
}

const REJOIN_AFTER = 1_000;
/** Refusals that mean that nobody knows our seat. */
const FORGOTTEN = new Set(["not-in-room", "no-such-room", "no-such-participant", "not-found"]);

export class RoomSession {
  phase = $state<RoomPhase>("joining");
  people = $state.raw<Person[]>([]);
  participant = $state("");
  consultation = $state("");
  tracks = $state.raw<Map<string, RemoteTracks>>(new Map());
  recording = $state<"off" | "on" | "paused">("off");
  recordingReason = $state<string | null>(null);
  /** The file that stands before everybody, and who put it there. */
  stageFile = $state<string | null>(null);
  /** What the browser sees of the line, what the server says of it, and what of us it carries. */
  line = $state<LineQuality>("good");
  lineTold = $state.raw<Line>({ down: "good", up: "good" });
  uplink = $state<UplinkMode>("full");
  /** Whose picture runs behind their voice. */
  late = $state.raw<ReadonlySet<string>>(new Set());
  endedBy = $state<string | null>(null);
  endedReason = $state<string | null>(null);
  startedAt = $state(0);

  readonly room: string;
  readonly local: LocalMedia;
  readonly chat: Chat;
  readonly pointers: Pointers;
  /** Somebody else has been here, so an empty room means that they left. */
  accompanied = $state(false);
  readonly others = $derived(this.people.filter((person) => person.participant !== this.participant));
  #mediaState = $state<MediaState>("connecting");
  #connectionState = $state<ConnectionState>("reconnecting");
  #wasConnected = $state(false);
  readonly connectionState = $derived(this.#connectionState);
  readonly mediaState = $derived(this.#mediaState);
  readonly state = $derived.by((): RoomState => {
    if (this.phase !== "joining" && this.phase !== "in") return "ended";
    // The browser believes in a dead line for some seconds more than our own look at it does.
    const alive = this.#mediaState === "connected" && this.line !== "lost";
    const well = this.phase === "in" && alive && this.#connectionState === "online";
    if (well) return "connected";
    return this.#wasConnected ? "reconnecting" : "connecting";
  });

  /** How our own line is, in words. */
  readonly lineWords = $derived.by(() =>
    wordsOf({
      measured: this.line,
      told: this.lineTold,
      uplink: this.uplink,
      showing: this.local.switches.camera || this.local.switches.screen,
      reconnecting: this.state === "reconnecting",
    }),
  );

  readonly #connection: Connection;
  readonly #broadcast: boolean;
  readonly #serial = new Serial();
  #media: RoomMedia | null = null;
  #stops: (() => void)[] = [];
  #rejoin: ReturnType<typeof setTimeout> | undefined;
  #told = "";
  #returning = false;

  /** `broadcast`: what is sent is watched live by an audience, and must come at a steady pace even where nothing happens. */
  constructor(connection: Connection, room: string, me: { id: string; name: string }, { broadcast = false } = {}) {
    this.#connection = connection;
    this.#broadcast = broadcast;
    this.room = room;
    const seat = this.#recall();
    this.participant = seat?.participant ?? "";
    this.local = new LocalMedia(seat?.switches, broadcast ? "broadcast" : "call");
    this.chat = new Chat(
      async (text, client_id) => (await connection.request("chat.send", { room, text, client_id }, { whenDown: "wait", timeout: 60_000 })).message,
      () => me,
    );
    this.pointers = new Pointers(
      (target, { x, y }) => connection.volatile("pointer.move", { room, target, x, y }),
      () => this.participant,
    );
  }

  /** Enter: devices open while the server is being asked, and media connects while devices open. */
  start(): void {
    const here = <P extends { room: string }>(handler: (payload: P) => void) => {
      return (payload: P) => payload.room === this.room && handler(payload);
    };
    const connection = this.#connection;
    this.#stops.push(
      connection.subscribe((state) => (this.#connectionState = state)),
      connection.on("room.people", here(({ people }) => this.#met(people))),
      connection.on("room.ended", here(({ by, reason }) => this.#end(by, reason))),
      connection.on("media.offer", here((offer) => this.#media?.offer(offer))),
      connection.on("media.renegotiate", here(({ codec }) => void this.#media?.setCodec(codec))),
      connection.on("media.lost", here(() => void this.#join(true))),
      connection.on("line", here(({ down, up }) => (this.lineTold = { down, up }))),
      connection.on("chat.message", here(({ message }) => this.chat.receive(message))),
      connection.on("pointer", here((pointer) => this.pointers.receive(pointer))),
      connection.on("stage", here(({ file }) => (this.stageFile = file))),
      connection.on("recording", here(({ state, reason }) => this.#recorded(state, reason))),
      connection.onReady(() => void this.#join()),
    );
    const networkChanged = (): void => {
      connection.hurry();
      if (connection.state === "online") void this.#media?.resume();
    };
    const seen = (): void => {
      if (document.visibilityState === "visible") void connection.probe();
    };
    addEventListener("online", networkChanged);
    document.addEventListener("visibilitychange", seen);
    this.#stops.push(
      () => removeEventListener("online", networkChanged),
      () => document.removeEventListener("visibilitychange", seen),
    );
    connection.connect();
    void this.local.open();
  }

  /** Tell the others what is on; call whenever the switches change. */
  tell(switches: Switches): void {
    const told = JSON.stringify(switches);
    if (this.phase !== "in" || told === this.#told) return;
    this.#told = told;
    this.#remember(switches);
    // A lost line is no matter: joining again tells it anew.
    void this.#connection.request("media.state", { room: this.room, ...switches }).catch(() => (this.#told = ""));
  }

  /** Put a file of the case before everybody, or take it away. */
  async show(file: string | null): Promise<void> {
    this.stageFile = file;
    await this.#connection.request("stage.show", { room: this.room, file }, { whenDown: "wait" });
  }

  /** Go, and let the call go on. */
  async leave(): Promise<void> {
    this.#finish("left");
    await this.#connection.request("room.leave", { room: this.room }, { timeout: 2_000 }).catch(() => undefined);
  }

  /** The call is over, as the server just confirmed to our own hang-up. */
  ended(): void {
    this.#end(null, null);
  }

  /** The page goes away. The seat is kept for a reload. */
  close(): void {
    clearTimeout(this.#rejoin);
    for (const stop of this.#stops.splice(0)) stop();
    this.#media?.close();
    this.#media = null;
    this.local.close();
    this.pointers.close();
  }

  /** Take the seat, for the first time or again. `anew`: the media server knows nothing of us any more. */
  #join(anew = false): Promise<void> {
    return this.#serial.run(async () => {
      if (this.phase !== "joining" && this.phase !== "in") return;
      clearTimeout(this.#rejoin);
      try {
        const seat = this.participant ? { participant: this.participant } : {};
        const reply = await this.#connection.request("room.join", { room: this.room, codecs: browserCodecs(), ...seat });
        await this.#enter(reply, anew);
      } catch (error) {
        this.#refused(error);
      }
    });
  }

  async #enter(reply: Reply<"room.join">, anew: boolean): Promise<void> {
    if (this.phase === "joining") this.startedAt = Date.now();
    this.phase = "in";
    this.participant = reply.participant;
    this.consultation = reply.consultation ?? "";
    this.#met(reply.people);
    this.recording = reply.recording;
    this.lineTold = reply.line;
    this.stageFile = reply.stage?.file ?? null;
    this.chat.adopt(reply.chat);
    this.#told = "";
    this.tell(this.local.switches);
    if (this.#media) {
      this.#media.setServers(reply.ice_servers);
      await this.#media.setCodec(reply.codec);
      await (anew || !reply.known ? this.#media.rebuild() : this.#media.resume());
      return;
    }
    this.#media = new RoomMedia({
      signalling: this.#signalling(),
      codec: reply.codec,
      iceServers: reply.ice_servers,
      steadySound: this.#broadcast,
      onState: (state) => {
        this.#mediaState = state;
        if (state !== "connected") return;
        this.#wasConnected = true;
        this.#connection.hurry(); // media may be back long before TCP tries again
      },
      onTracks: (tracks) => (this.tracks = tracks),
      onLine: (quality) => (this.line = quality),
      onLate: (participants) => (this.late = participants),
      onUplink: (mode) => (this.uplink = mode),
    });
    this.local.attach(this.#media);
    await this.#media.start();
  }

  #refused(error: unknown): void {
    const code = error instanceof RequestError ? error.code : "";
    if (code === "room-ended") return this.#end(null, null);
    if (code === "not-found") return this.#finish("refused");
    if (code === "signed-out") return;
    if (code !== "offline") this.#rejoin = setTimeout(() => void this.#join(), REJOIN_AFTER);
  }

  #signalling(): ConstructorParameters<typeof RoomMedia>[0]["signalling"] {
    const { room } = this;
    const connection = this.#connection;
    /** A server that forgot our seat is asked for it again; the caller tries again by itself. */
    const seated = async <T>(work: Promise<T>): Promise<T> => {
      try {
        return await work;
      } catch (error) {
        if (error instanceof RequestError && FORGOTTEN.has(error.code) && !this.#returning) {
          this.#returning = true;
          void this.#join(true).finally(() => (this.#returning = false));
        }
        throw error;
      }
    };
    return {
      publish: async (session: string, sdp: string, sources: Record<string, Source>) =>
        (await seated(connection.request("media.publish", { room, session, sdp, sources }))).sdp,
      subscribe: async (session) => void (await seated(connection.request("media.subscribe", { room, session }))),
      answer: async (session, version, sdp) => void (await seated(connection.request("media.answer", { room, session, version, sdp }))),
      alive: () => connection.probe(),
    };
  }

  #met(people: Person[]): void {
    this.people = people;
    this.accompanied ||= people.some((person) => person.participant !== this.participant);
  }

  #recorded(state: "off" | "on" | "paused", reason: string | null): void {
    this.recording = state;
    this.recordingReason = reason;
  }

  #end(by: string | null, reason: string | null): void {
    if (this.phase === "ended") return;
    this.endedBy = by;
    this.endedReason = reason;
    this.#finish(reason === "other-tab" ? "taken" : "ended");
  }

  #finish(phase: RoomPhase): void {
    this.phase = phase;
    try {
      sessionStorage.removeItem(this.#key);
    } catch {
      // Without storage there is nothing to forget.
    }
    this.close();
  }

  get #key(): string {
    return `tele.room.${this.room}`;
  }

  /** Kept for this tab alone: a reload takes the same seat, with microphone and camera as they were. */
  #remember(switches: Switches): void {
    const seat: Seat = { participant: this.participant, switches: { ...switches, mic: this.local.micOn, camera: this.local.cameraOn } };
    try {
      sessionStorage.setItem(this.#key, JSON.stringify(seat));
    } catch {
      // Without storage a reload is a new entrance: the server still knows the person.
    }
  }

  #recall(): Seat | null {
    try {
      const seat = JSON.parse(sessionStorage.getItem(this.#key) ?? "null") as Seat | null;
      return typeof seat?.participant === "string" ? seat : null;
    } catch {
      return null;
    }
  }
}
