/** What the real-time events mean for whoever is signed in: rings, my open cases, the call that starts, the line. */
import { api } from "./api";
import { t } from "./i18n.svelte";
import { here, navigate } from "./router.svelte";
import { session, sessionEnded } from "./session.svelte";
import { connection, type ConnectionState } from "./socket";
import { say } from "./toasts.svelte";
import type { CaseSummary, Me, OnCall, Page, Ring } from "./types";

type Change = { id: string; version: number; stage: string; what: string };

let line = $state<ConnectionState>("offline");
let skew = $state(0);
let rings = $state.raw<Ring[]>([]);
let onCall = $state.raw<OnCall | null>(null);
let mine = $state.raw<CaseSummary[]>([]);
let mineKnown = $state(false);
const cases = new Set<(change: Change) => void>();
const ringEnds = new Set<(ring: Ring, outcome: string, by: string | null) => void>();
const queue = new Set<() => void>();
let stops: (() => void)[] = [];
let joinedAlready = new Set<string>();

export const live = {
  get line(): ConnectionState {
    return line;
  },
  /** The server's clock now, in ms; countdowns follow it and not this device's. */
  get now(): number {
    return Date.now() + skew;
  },
  get rings(): readonly Ring[] {
    return rings;
  },
  get onCall(): OnCall | null {
    return onCall;
  },
  /** Cases I take part in that are not finished. */
  get mine(): readonly CaseSummary[] {
    return mine;
  },
  get mineKnown(): boolean {
    return mineKnown;
  },
};

/** Hear that a case changed; returns the way to stop. */
export function onCase(handler: (change: Change) => void): () => void {
  cases.add(handler);
  return () => cases.delete(handler);
}
/** Hear how a ring ended; returns the way to stop. */
export function onRingEnd(handler: (ring: Ring, outcome: string, by: string | null) => void): () => void {
  ringEnds.add(handler);
  return () => ringEnds.delete(handler);
}
/** Hear that the coordinator's queue changed; returns the way to stop. */
export function onQueue(handler: () => void): () => void {
  queue.add(handler);
  return () => queue.delete(handler);
}

/** Connect for this person. {@link stop} undoes it. */
export function start(me: Me): void {
  stops = [
    connection.subscribe((state) => (line = state)),
    connection.onReady(() => void catchUp(me)),
    connection.on("ring", (ring) => addRing(ring)),
    connection.on("ring.end", (end) => endRing(end.page, end.outcome, end.by)),
    connection.on("on-call", (payload) => adoptOnCall(payload as unknown as OnCall)),
    connection.on("queue", () => queue.forEach((handler) => handler())),
    connection.on("consultation", (change) => void changed(me, change)),
    connection.on("session.ended", sessionEnded),
  ];
  connection.connect();
}

export function stop(): void {
  for (const each of stops) each();
  stops = [];
  connection.close();
  rings = [];
  onCall = null;
  mine = [];
  mineKnown = false;
  joinedAlready = new Set();
}

function takesPart(me: Me): boolean {
  return me.roles.includes("gp") || me.roles.includes("specialist");
}

/** After each (re)connection: events are hints, the rows are the truth. */
async function catchUp(me: Me): Promise<void> {
  const asks: Promise<unknown>[] = [setClock()];
  if (me.roles.includes("specialist")) asks.push(refreshOnCall());
  if (takesPart(me)) asks.push(refreshMine());
  for (const handler of queue) handler();
  for (const handler of cases) handler({ id: "*", version: Number.MAX_SAFE_INTEGER, stage: "", what: "" });
  await Promise.allSettled(asks);
}

async function setClock(): Promise<void> {
  const sent = Date.now();
  const { server_time } = await connection.request("hello", { tab_visible: !document.hidden });
  skew = Date.parse(server_time) - (sent + Date.now()) / 2;
}

export async function refreshOnCall(): Promise<void> {
  adoptOnCall(await api.get<OnCall>("/api/on-call"));
}

/** Take over a fresh answer of `/api/on-call`: it also says what rings for me, on whichever page I am. */
export function adoptOnCall(fresh: OnCall): void {
  onCall = fresh;
  const wanted = new Set(fresh.ringing.map((ring) => ring.page));
  rings = rings.filter((ring) => wanted.has(ring.page));
  for (const ring of fresh.ringing) addRing(ring);
}

function addRing(ring: Ring): void {
  if (rings.some((each) => each.page === ring.page)) return;
  rings = [...rings, ring];
}

/** Take a ring off the page, because the server said so or because this person answered it. */
export function endRing(page: string, outcome: string, by: string | null): void {
  const ring = rings.find((each) => each.page === page);
  if (!ring) return;
  rings = rings.filter((each) => each !== ring);
  for (const handler of ringEnds) handler(ring, outcome, by);
}

export async function refreshMine(): Promise<void> {
  const { items } = await api.get<Page<CaseSummary>>("/api/consultations?scope=open");
  const before = new Map(mine.map((each) => [each.id, each.stage]));
  mine = items;
  mineKnown = true;
  for (const item of items) {
    const started = item.encounter && Date.now() + skew - Date.parse(item.encounter.started_at) < 30_000;
    const turned = before.has(item.id) && before.get(item.id) !== "in-call";
    if (item.stage === "in-call" && item.requester.id === session.optional?.id && (turned || started)) void enterCall(item);
  }
}

async function changed(me: Me, change: Change): Promise<void> {
  for (const handler of cases) handler(change);
  const asked = mine.find((each) => each.id === change.id && each.requester.id === me.id);
  if (change.what === "answered" && asked && here.path !== `/cases/${change.id}`) {
    say(t("answered", { name: asked.specialist?.name ?? "" }), "good", { label: t("open"), run: () => navigate(`/cases/${change.id}`) });
  }
  if (takesPart(me)) await refreshMine().catch(() => undefined); // the next reconnection asks again
}

/** Take the requester into the call, once, and from one tab only. */
async function enterCall(item: CaseSummary): Promise<void> {
  const room = item.encounter?.room;
  if (!room || item.encounter?.ended_at || joinedAlready.has(room)) return;
  joinedAlready.add(room);
  if (document.hidden) await new Promise((resolve) => setTimeout(resolve, 400)); // a tab in view goes first
  await goToRoom(room);
}

/** Open the room, unless another tab of this browser is in it already. The lock lasts until the person leaves the room. */
export async function goToRoom(room: string): Promise<void> {
  joinedAlready.add(room);
  const address = `/room/${encodeURIComponent(room)}`;
  if (here.path === address) return;
  if (!navigator.locks) return navigate(address);
  await navigator.locks.request(`tele.room.${room}`, { ifAvailable: true }, async (lock) => {
    if (!lock) return;
    navigate(address);
    await new Promise<void>((resolve) => {
      const check = (): void => {
        if (here.path !== address) resolve();
        else setTimeout(check, 1_000);
      };
      check();
    });
  });
}
