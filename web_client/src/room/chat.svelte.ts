/** The conversation of a room: lines appear at once, are sent until the server has them, and never show twice. */
import { newKey } from "../lib/api";
import type { Message } from "../lib/protocol";

/** A line on the screen; `pending` while the server has not confirmed it, `failed` when it refused. */
export interface Line extends Message {
  state: "sent" | "pending" | "failed";
}

/** Merge what the server has with what we show: by id, and by the sender's own id for lines that were pending. */
export function merge(lines: readonly Line[], arrived: readonly Message[]): Line[] {
  const ids = new Set(arrived.map((message) => message.id));
  const clientIds = new Set(arrived.map((message) => message.client_id).filter((id) => id !== null));
  const kept = lines.filter((line) => !ids.has(line.id) && !(line.client_id !== null && clientIds.has(line.client_id)));
  const all = [...kept, ...arrived.map((message): Line => ({ ...message, state: "sent" }))];
  // What is still on its way stands last, in the order in which it was written.
  return all.sort((a, b) => Number(a.state !== "sent") - Number(b.state !== "sent") || a.at.localeCompare(b.at));
}

export class Chat {
  lines = $state.raw<Line[]>([]);
  unread = $state(0);
  /** Whether the person sees the conversation now. */
  watched = $state(false);
  readonly #send: (text: string, clientId: string) => Promise<Message>;
  readonly #me: () => { id: string; name: string };

  constructor(send: (text: string, clientId: string) => Promise<Message>, me: () => { id: string; name: string }) {
    this.#send = send;
    this.#me = me;
  }

  /** Everything said so far, as the server tells it on (re)joining. */
  adopt(messages: Message[]): void {
    this.lines = merge(this.lines, messages);
  }

  receive(message: Message): void {
    const known = this.lines.some((line) => line.id === message.id);
    this.lines = merge(this.lines, [message]);
    if (!known && !this.watched && message.author.id !== this.#me().id) this.unread += 1;
  }

  watch(watched: boolean): void {
    this.watched = watched;
    if (watched) this.unread = 0;
  }

  async say(text: string): Promise<void> {
    const trimmed = text.trim().slice(0, 4000);
    if (!trimmed) return;
    const clientId = newKey();
    const line: Line = {
      id: clientId, kind: "chat", author: this.#me(), text: trimmed, at: new Date().toISOString(), offset: null,
      client_id: clientId, state: "pending",
    }; // prettier-ignore
    this.lines = [...this.lines, line];
    await this.#deliver(line);
  }

  retry(line: Line): Promise<void> {
    return this.#deliver(line);
  }

  async #deliver(line: Line): Promise<void> {
    this.#mark(line.client_id, "pending");
    try {
      const message = await this.#send(line.text, line.client_id ?? line.id);
      this.lines = merge(this.lines, [message]); // read after the wait: others may have written meanwhile
    } catch {
      this.#mark(line.client_id, "failed"); // shown beside the line, with a way to try again
    }
  }

  #mark(clientId: string | null, state: Line["state"]): void {
    this.lines = this.lines.map((line) => (line.client_id === clientId && line.state !== "sent" ? { ...line, state } : line));
  }
}
