/** The page's one real-time connection: typed requests, what waits while the line is down, and coming back quickly. */

import { io, type Socket as Wire } from "socket.io-client";
import { events, readReply, RequestError, type EventName, type Events, type Reply, type RequestName, type Requests } from "./protocol";

export type ConnectionState = "online" | "reconnecting" | "offline" | "signed-out";

/** `wait`: is kept until the line is back, and sent again if it broke before the answer (the request must be idempotent). */
export interface RequestOptions {
  timeout?: number;
  whenDown?: "fail" | "wait";
}

const TIMEOUT = 8_000;
const WAITING_LIMIT = 100;
/** After this long without a line we say "offline" instead of "reconnecting". */
const OFFLINE_AFTER = 15_000;
const PROBE_TIMEOUT = 2_500;

type Handler<E extends EventName> = (payload: Events[E]) => void;

export class Connection {
  #wire: Wire;
  #state: ConnectionState = "offline";
  #watchers = new Set<(state: ConnectionState) => void>();
  #handlers = new Map<EventName, Set<Handler<EventName>>>();
  #ready = new Set<() => void>();
  #waiting: (() => void)[] = [];
  #offlineTimer: ReturnType<typeof setTimeout> | undefined;
  /** How often the line broke: an answer that did not come before a break never will. */
  #drops = 0;
  #probe: Promise<boolean> | null = null;
  /** Messages from the server that could not be read: counted, shown in the console, never thrown. */
  malformed = 0;

  constructor(wire?: Wire) {
    this.#wire =
      wire ??
      io({
        path: "/socket.io/",
        transports: ["websocket"],
        autoConnect: false,
        reconnectionDelay: 150,
        reconnectionDelayMax: 1_000,
        randomizationFactor: 0.3,
        timeout: 5_000,
      });
    this.#wire.on("connect", () => void this.#greet());
    this.#wire.on("disconnect", (reason) => {
      this.#drops += 1;
      if (this.#state === "signed-out") return;
      this.#enter("reconnecting");
      // socket.io does not try again by itself when it was the server that closed.
      if (reason === "io server disconnect") setTimeout(() => this.#dial(), 300);
    });
    this.#wire.on("connect_error", (error: Error & { data?: { code?: string } }) => {
      if (error.data?.code === "signed-out" || error.message === "signed-out") this.#signOut();
      else {
        if (this.#state === "online") this.#enter("reconnecting");
        // A refusal by the server (not a lost line) leaves socket.io inactive: ask again.
        if (!this.#wire.active) setTimeout(() => this.#dial(), 1_000);
      }
    });
    for (const event of Object.keys(events) as EventName[]) {
      this.#wire.on(event as string, (payload: unknown) => this.#dispatch(event, payload));
    }
  }

  /** Readable-store contract: called at once and at each change; returns the way to stop. */
  subscribe(watcher: (state: ConnectionState) => void): () => void {
    this.#watchers.add(watcher);
    watcher(this.#state);
    return () => this.#watchers.delete(watcher);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Open the line after sign-in; harmless when it is open. */
  connect(): void {
    if (this.#state === "signed-out" || this.#state === "offline") this.#enter("reconnecting");
    this.#dial();
  }

  /** Close for good, as at sign-out. */
  close(): void {
    this.#signOut();
  }

  /** Hear an event of the server; returns the way to stop. A message that cannot be read is dropped and counted. */
  on<E extends EventName>(event: E, handler: Handler<E>): () => void {
    const handlers = this.#handlers.get(event) ?? new Set();
    this.#handlers.set(event, handlers);
    handlers.add(handler as Handler<EventName>);
    return () => handlers.delete(handler as Handler<EventName>);
  }

  /** Called after each `hello`: the moment to join rooms again and fetch what was missed. At once when already online. */
  onReady(handler: () => void): () => void {
    this.#ready.add(handler);
    if (this.#state === "online") handler();
    return () => this.#ready.delete(handler);
  }

  /** Send and wait for the answer. Rejects with {@link RequestError}. */
  async request<E extends RequestName>(event: E, payload: Requests[E], options: RequestOptions = {}): Promise<Reply<E>> {
    const deadline = Date.now() + (options.timeout ?? TIMEOUT);
    for (;;) {
      if (this.#state === "signed-out") throw new RequestError("signed-out");
      if (this.#state !== "online") {
        if (options.whenDown !== "wait") throw new RequestError("offline");
        await this.#online(deadline);
      }
      try {
        return await this.#send(event, payload, Math.max(1, deadline - Date.now()));
      } catch (error) {
        const broke = error instanceof RequestError && error.code === "offline";
        if (!broke || options.whenDown !== "wait") throw error;
      }
    }
  }

  /** Send what is worthless when late (a pointer's position): dropped while the line is down or busy. */
  volatile<E extends RequestName>(event: E, payload: Requests[E]): void {
    if (this.#state === "online") this.#wire.volatile.emit(event, payload);
  }

  /** Find out now whether the line still carries, instead of waiting for the heartbeat; reconnects when it does not. */
  probe(): Promise<boolean> {
    this.#probe ??= this.#ask().finally(() => (this.#probe = null));
    return this.#probe;
  }

  /** Something tells that the network is back: dial now, whatever attempt or pause is under way, or make sure of the line. */
  hurry(): void {
    if (this.#state === "signed-out") return;
    if (this.#state === "online") return void this.probe();
    if (this.#wire.connected) return; // on its way: the greeting is under way
    this.#wire.disconnect();
    this.#wire.connect();
  }

  async #ask(): Promise<boolean> {
    if (this.#state === "signed-out") return false;
    if (!this.#wire.connected) {
      this.#dial();
      return false;
    }
    try {
      await this.#send("hello", { tab_visible: visible() }, PROBE_TIMEOUT);
      return true;
    } catch (error) {
      if (error instanceof RequestError && !["timeout", "offline"].includes(error.code)) return true;
      // Silence means that the TCP connection died unnoticed.
      this.#wire.io.engine?.close();
      return false;
    }
  }

  /** An active socket is connected or on its way: dialling again would greet the server twice and be refused. */
  #dial(): void {
    if (this.#state !== "signed-out" && !this.#wire.active) this.#wire.connect();
  }

  async #send<E extends RequestName>(event: E, payload: Requests[E], timeout: number): Promise<Reply<E>> {
    const drops = this.#drops;
    let ack: unknown;
    try {
      ack = await this.#wire.timeout(timeout).emitWithAck(event as string, payload);
    } catch {
      throw new RequestError(this.#drops === drops && this.#wire.connected ? "timeout" : "offline");
    }
    return readReply(event, ack);
  }

  async #greet(): Promise<void> {
    try {
      await this.#send("hello", { tab_visible: visible() }, TIMEOUT);
    } catch (error) {
      if (error instanceof RequestError && error.code === "signed-out") this.#signOut();
      else this.#wire.io.engine?.close();
      return;
    }
    this.#enter("online");
    for (const handler of [...this.#ready]) handler();
    for (const resume of this.#waiting.splice(0)) resume();
  }

  #online(deadline: number): Promise<void> {
    if (this.#waiting.length >= WAITING_LIMIT) return Promise.reject(new RequestError("offline"));
    return new Promise((resolve, reject) => {
      const resume = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((each) => each !== resume);
        reject(new RequestError("offline"));
      }, deadline - Date.now());
      this.#waiting.push(resume);
    });
  }

  #dispatch(event: EventName, payload: unknown): void {
    let value: Events[EventName];
    try {
      value = events[event](payload);
    } catch (error) {
      this.malformed += 1;
      console.warn(`dropped a malformed ${event}:`, error);
      return;
    }
    if (event === "session.ended") this.#signOut();
    for (const handler of [...(this.#handlers.get(event) ?? [])]) handler(value);
  }

  #signOut(): void {
    this.#enter("signed-out");
    this.#wire.disconnect();
    for (const resume of this.#waiting.splice(0)) resume();
  }

  #enter(state: ConnectionState): void {
    if (state === this.#state) return;
    this.#state = state;
    clearTimeout(this.#offlineTimer);
    if (state === "reconnecting") this.#offlineTimer = setTimeout(() => this.#enter("offline"), OFFLINE_AFTER);
    for (const watcher of [...this.#watchers]) watcher(state);
  }
}

function visible(): boolean {
  return typeof document === "undefined" || document.visibilityState === "visible";
}

/** The connection all parts of the page share. */
export const connection = new Connection();
