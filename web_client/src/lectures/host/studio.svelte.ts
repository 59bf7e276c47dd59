/** A presenter's page: getting ready, counting down, being on the air, ending; all of it survives a reload. */
import type { Token } from "../../devices/tokens.svelte";
import { api, ApiError } from "../../lib/api";
import { t } from "../../lib/i18n.svelte";
import type { Lecture } from "../../lib/lecture-types";
import { session as account } from "../../lib/session.svelte";
import { connection } from "../../lib/socket";
import { complain, say } from "../../lib/toasts.svelte";
import { RoomSession } from "../../room/session.svelte";
import { consent, loadConsent } from "../consent.svelte";
import { LectureWatch } from "../watching.svelte";
import { Encoders } from "./encoders.svelte";

export type StudioPhase = "loading" | "ready" | "countdown" | "starting" | "live" | "ended" | "refused";
export type LiveState = "off" | "countdown" | "connecting" | "live" | "reconnecting" | "ended";

const COUNT_FROM = 3;
/** Seconds in which an end can be taken back. */
const END_IN = 3;

export class Studio {
  readonly watch: LectureWatch;
  readonly room: RoomSession;
  readonly encoders: Encoders;
  /** Seconds left of the countdown to the start, and to the end. */
  count = $state(0);
  ending = $state(0);
  busy = $state(false);
  #entered = $state(false);
  #timer: ReturnType<typeof setInterval> | undefined;
  #opened: Promise<void> = Promise.resolve();

  readonly phase = $derived.by((): StudioPhase => {
    const lecture = this.watch.lecture;
    if (this.watch.error) return "refused";
    if (!lecture) return "loading";
    if (lecture.status === "completed" || lecture.status === "cancelled" || this.room.phase === "ended") return "ended";
    if (this.room.phase === "refused") return "refused";
    if (this.#entered) return "live";
    if (this.busy) return "starting";
    return this.count > 0 ? "countdown" : "ready";
  });
  /** What the page says of being on the air. */
  readonly live = $derived.by((): LiveState => {
    if (this.phase === "ended") return "ended";
    if (this.phase === "countdown") return "countdown";
    if (this.phase === "starting") return "connecting";
    if (this.phase !== "live") return "off";
    const state = this.room.state;
    return state === "connected" ? "live" : state === "reconnecting" ? "reconnecting" : "connecting";
  });
  readonly onAir = $derived.by(() => this.watch.lecture?.status === "in-progress");
  /** Neither camera nor microphone nor an encoder works: nobody would see or hear anything. */
  readonly dumb = $derived.by(() => this.room.local.microphone === null && this.room.local.camera === null && this.encoders.on.length === 0);
  /** On the air with nothing to see or hear, as when an encoder that was all there was has left. */
  readonly silent = $derived.by(() => {
    const { mic, camera, screen } = this.room.local.switches;
    return this.phase === "live" && !mic && !camera && !screen && !this.room.local.opening && !this.room.others.some((person) => person.connected);
  });

  constructor(id: string) {
    this.watch = new LectureWatch(id);
    this.room = new RoomSession(connection, id, { id: account.me.id, name: account.me.name }, { broadcast: true });
    const list = async (): Promise<Token[]> => (await api.get<{ items: Token[] }>(`${this.watch.path}/ingest-tokens`)).items;
    this.encoders = new Encoders({ lecture: id, me: account.me.id, connection, list });
  }

  /** Open the devices, and return to the air when this person was on it. `begin`: the click that led here said "go live". */
  start(begin: boolean): () => void {
    const stop = this.watch.start();
    void loadConsent().catch(() => undefined); // asked again when it is needed
    this.#opened = this.room.local.open();
    void this.#open(begin);
    const stopEncoders = this.encoders.start((name) => void this.#hush(name).catch(complain));
    return () => {
      clearInterval(this.#timer);
      stopEncoders();
      stop();
      if (this.room.phase === "in") void this.room.leave();
      else this.room.close();
    };
  }

  async #open(begin: boolean): Promise<void> {
    await this.#known();
    const lecture = this.watch.lecture;
    if (lecture?.status === "in-progress" && lecture.consented && lecture.may.includes("present")) return this.#enter();
    if (!begin || lecture?.status !== "planned") return;
    await this.#opened;
    if (!this.dumb && this.phase === "ready") this.countDown();
  }

  async #known(): Promise<void> {
    while (!this.watch.lecture && !this.watch.error) await new Promise((resolve) => setTimeout(resolve, 30));
  }

  /** An encoder of one's own sends: the same voice twice is an echo, so that one's own devices go off; a click undoes it. */
  async #hush(name: string): Promise<void> {
    await this.#opened;
    const had = { ...this.room.local.switches };
    if (!had.mic && !had.camera) return;
    await this.#switch(false, had);
    say(t("devices:studio.own-off", { name }), "plain", { label: t("devices:studio.own-on"), run: () => void this.#switch(true, had).catch(complain) });
  }

  async #switch(on: boolean, which: { mic: boolean; camera: boolean }): Promise<void> {
    const { local } = this.room;
    if (which.mic && local.switches.mic !== on) await local.toggleMicrophone();
    if (which.camera && local.switches.camera !== on) await local.toggleCamera();
  }

  /** 3, 2, 1; during the count nothing is sent to anybody. */
  countDown(): void {
    if (this.count > 0 || this.busy) return;
    if (this.onAir) return void this.goLive();
    this.count = COUNT_FROM;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      this.count -= 1;
      if (this.count > 0) return;
      clearInterval(this.#timer);
      void this.goLive();
    }, 1_000);
  }

  wait(): void {
    clearInterval(this.#timer);
    this.count = 0;
  }

  async goLive(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    try {
      await loadConsent();
      this.watch.adopt(await api.post<Lecture>(`${this.watch.path}/go-live`, { consent: consent.version }));
      this.#enter();
    } catch (error) {
      if (error instanceof ApiError && error.status === 409) await this.watch.loadLecture();
      complain(error);
    } finally {
      this.busy = false;
    }
  }

  /** Begin to end: it can be taken back for a moment. */
  end(): void {
    if (this.ending > 0) return;
    this.ending = END_IN;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      this.ending -= 1;
      if (this.ending <= 0) void this.endNow();
    }, 1_000);
  }

  goOn(): void {
    clearInterval(this.#timer);
    this.ending = 0;
  }

  async endNow(): Promise<void> {
    clearInterval(this.#timer);
    this.ending = 0;
    this.busy = true;
    try {
      this.watch.adopt(await api.post<Lecture>(`${this.watch.path}/end`, {}, { keepalive: true }));
      this.room.ended();
    } catch (error) {
      complain(error);
      await this.watch.loadLecture();
    } finally {
      this.busy = false;
    }
  }

  #enter(): void {
    if (this.#entered) return;
    this.#entered = true;
    this.room.start();
  }
}
