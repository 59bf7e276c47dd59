/** Which lectures are on now and which comes next, for every page: the banner, the reminder, the card on the start page. */
import { api } from "../lib/api";
import { clock } from "../lib/format";
import { t } from "../lib/i18n.svelte";
import type { LectureSummary } from "../lib/lecture-types";
import { here, navigate } from "../lib/router.svelte";
import { connection } from "../lib/socket";
import { say } from "../lib/toasts.svelte";
import type { Page } from "../lib/types";

/** How often a page asks, in ms, spread so that pages do not ask together. */
const EVERY = 90_000;

let live = $state.raw<LectureSummary[]>([]);
let next = $state.raw<LectureSummary | null>(null);
let known = $state(false);

export const lectures = {
  /** On the air now. */
  get live(): readonly LectureSummary[] {
    return live;
  },
  /** The next one that is planned. */
  get next(): LectureSummary | null {
    return next;
  },
  get known(): boolean {
    return known;
  },
};

export async function refreshLectures(): Promise<void> {
  const [now, later] = await Promise.all([
    api.get<Page<LectureSummary>>("/api/lectures?when=live"),
    api.get<Page<LectureSummary>>("/api/lectures?when=upcoming"),
  ]);
  live = now.items;
  // What should have begun hours ago is not what comes next.
  next = later.items.find((each) => Date.parse(each.ends_at) > Date.now()) ?? null;
  known = true;
}

/** Keep it fresh while somebody is signed in; returns the way to stop. */
export function followLectures(): () => void {
  const refresh = (): void => void refreshLectures().catch(() => undefined); // asked again in a while
  const timer = setInterval(refresh, EVERY * (0.8 + Math.random() * 0.4));
  const seen = (): void => {
    if (!document.hidden) refresh();
  };
  document.addEventListener("visibilitychange", seen);
  const stops = [
    connection.onReady(refresh),
    connection.on("lecture.reminder", ({ id, title, starts_at }) => {
      refresh();
      if (here.path !== `/lectures/${id}`) {
        say(t("lectures:reminder", { title, time: clock(starts_at) }), "plain", { label: t("open"), run: () => navigate(`/lectures/${id}`) });
      }
    }),
  ];
  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", seen);
    for (const stop of stops) stop();
    live = [];
    next = null;
    known = false;
  };
}
