/** Dates, times, lengths and sizes in the reader's habit. */
import { language, t } from "./i18n.svelte";

function formatter(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat(language() === "zh-CN" ? "zh-CN" : "en-GB", options);
}

function sameDay(a: Date, b: Date): boolean {
  return a.toDateString() === b.toDateString();
}

/** `14:05` today, `yesterday 14:05`, else `12 Nov, 14:05` (with the year when it is another). */
export function when(iso: string, now = new Date()): string {
  const at = new Date(iso);
  if (sameDay(at, now)) return clock(iso);
  if (sameDay(at, new Date(now.getTime() - 86_400_000))) return t("time.yesterday", { time: clock(iso) });
  const year = at.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return formatter({ day: "numeric", month: "short", year, hour: "2-digit", minute: "2-digit", hour12: false }).format(at);
}

/** `14:05`, in the reader's time zone. */
export function clock(iso: string): string {
  return formatter({ hour: "2-digit", minute: "2-digit", hour12: false }).format(new Date(iso));
}

/** `Sat 18 Nov`. */
export function day(at: Date): string {
  return formatter({ weekday: "short", day: "numeric", month: "short" }).format(at);
}

export function weekday(at: Date): string {
  return formatter({ weekday: "short" }).format(at);
}

/** Day, month, year and time in full, as for a hover or a signature. */
export function full(iso: string): string {
  return formatter({ dateStyle: "long", timeStyle: "short", hour12: false } as Intl.DateTimeFormatOptions).format(new Date(iso));
}

/** A length in words: `12 s`, `3 min`, `2 h 10 min`. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 90) return t("time.seconds", { n: whole });
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return t("time.minutes", { n: minutes });
  const rest = minutes % 60;
  const hours = (minutes - rest) / 60;
  return rest ? t("time.hours-minutes", { h: hours, m: rest }) : t("time.hours", { n: hours });
}

/** A position or length as `4:07` or `1:02:09`. */
export function timecode(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n: number): string => String(n).padStart(2, "0");
  const h = Math.floor(whole / 3600);
  const m = Math.floor((whole % 3600) / 60);
  return h ? `${h}:${two(m)}:${two(whole % 60)}` : `${m}:${two(whole % 60)}`;
}

/** `340 KB`, `2.4 MB`. */
export function bytes(size: number): string {
  const number = new Intl.NumberFormat(language(), { maximumFractionDigits: 1 });
  if (size < 1000) return `${number.format(size)} B`;
  if (size < 1_000_000) return `${number.format(Math.round(size / 1000))} KB`;
  return `${number.format(size / 1_000_000)} MB`;
}
