/** The tokens of one call or lecture: listed, made, shown once, taken back. */
import { api } from "../lib/api";

export interface Token {
  id: string;
  label: string;
  direction: "publish" | "play";
  created_by: string;
  expires_at: string;
  connected: boolean;
}
/** As it is given out, this once. */
export interface NewToken extends Token {
  token: string;
  url: string;
}

export class Tokens {
  items = $state.raw<Token[]>([]);
  /** Whether the list was fetched: an empty one means that there is nothing. */
  known = $state(false);
  made = $state.raw<NewToken | null>(null);
  readonly #path: () => string;

  constructor(path: () => string) {
    this.#path = path;
  }

  async load(): Promise<void> {
    this.items = (await api.get<{ items: Token[] }>(this.#path())).items;
    this.known = true;
  }

  async make(wanted: { direction: Token["direction"]; label: string }): Promise<void> {
    this.made = await api.post<NewToken>(this.#path(), wanted);
    await this.load();
  }

  async revoke(token: Token): Promise<void> {
    await api.delete(`${this.#path()}/${encodeURIComponent(token.id)}`);
    if (this.made?.id === token.id) this.made = null;
    await this.load();
  }

  /** What was shown once is shown to nobody who opens this later. */
  forget(): void {
    this.made = null;
  }
}
