/** OBS and the like, as the presenter's page knows them: which are connected, and which of them are this person's own. */
import type { Token } from "../../devices/tokens.svelte";
import type { Encoder } from "../../lib/protocol";
import type { Connection } from "../../lib/socket";

type Listed = Pick<Token, "id" | "label" | "created_by" | "connected">;

export interface Around {
  lecture: string;
  /** Who presents here. */
  me: string;
  connection: Pick<Connection, "on" | "onReady">;
  /** The tokens that count. */
  list: () => Promise<Listed[]>;
}

export class Encoders {
  /** Those that have a seat now. */
  all = $state.raw<Encoder[]>([]);
  /** Ids of the tokens that this person made: their sound is not played to who speaks into it. */
  mine = $state.raw<ReadonlySet<string>>(new Set());
  readonly on = $derived.by(() => this.all.filter((each) => each.connected));
  readonly ids = $derived.by((): ReadonlySet<string> => new Set(this.on.map((each) => each.id)));

  readonly #around: Around;
  #told = new Set<string>();
  #heard = 0;

  constructor(around: Around) {
    this.#around = around;
  }

  /** Follow from now on. `oncame` is called once for each encoder of one's own that connects; returns the way to stop. */
  start(oncame: (name: string) => void): () => void {
    const { connection } = this.#around;
    const stops = [
      connection.on("lecture.devices", ({ lecture, devices }) => {
        if (lecture !== this.#around.lecture) return;
        this.#heard += 1;
        this.all = devices;
        void this.#came(oncame);
      }),
      connection.onReady(() => void this.#catchUp().then(() => this.#came(oncame))),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  async #came(oncame: (name: string) => void): Promise<void> {
    if (this.on.some((each) => !this.mine.has(each.id) && !this.#told.has(each.id))) await this.#whose();
    for (const { id, name } of this.on) {
      if (this.#told.has(id)) continue;
      this.#told.add(id);
      if (this.mine.has(id)) oncame(name);
    }
  }

  /** What was told while nobody listened; what is told meanwhile is newer. */
  async #catchUp(): Promise<void> {
    const before = this.#heard;
    const items = await this.#whose();
    if (before === this.#heard) this.all = items.filter((each) => each.connected).map(({ id, label, connected }) => ({ id, name: label, connected }));
  }

  async #whose(): Promise<Listed[]> {
    try {
      const items = await this.#around.list();
      this.mine = new Set(items.filter((each) => each.created_by === this.#around.me).map((each) => each.id));
      return items;
    } catch (error) {
      console.info("no encoders yet:", error); // too early, or the line is away: asked again with the next connection
      return [];
    }
  }
}
