/** A week of the roster as a grid: which day a shift stands on, and the days' bounds. Local time throughout. */

export interface Shift {
  id: string;
  specialty: string;
  practitioner: { id: string; name: string };
  organisation: string;
  starts_at: string;
  ends_at: string;
}

export interface Override extends Shift {
  kind: "add" | "remove" | "replace";
  note?: string | null;
}

export interface Hole {
  specialty: string;
  starts_at: string;
  ends_at: string;
}

export interface RosterView {
  shifts: Shift[];
  overrides: Override[];
  holes: Hole[];
}

/** Monday 00:00 of the week that holds this moment. */
export function monday(at: Date): Date {
  const start = new Date(at.getFullYear(), at.getMonth(), at.getDate());
  start.setDate(start.getDate() - ((start.getDay() + 6) % 7));
  return start;
}

/** The same time of day some days later; daylight saving moves the hours and not the day. */
export function plusDays(at: Date, days: number): Date {
  const moved = new Date(at);
  moved.setDate(moved.getDate() + days);
  return moved;
}

/** The seven days of the week, each from midnight. */
export function days(start: Date): Date[] {
  return Array.from({ length: 7 }, (_, index) => plusDays(start, index));
}

/** What touches a day: a night shift stands on both of its days. */
export function on<T extends { starts_at: string; ends_at: string }>(day: Date, items: readonly T[]): T[] {
  const from = day.getTime();
  const to = plusDays(day, 1).getTime();
  return items.filter((each) => Date.parse(each.starts_at) < to && Date.parse(each.ends_at) > from);
}

/** `2026-11-21` and `08:00` of local time as a moment; an end not after its start is on the next day. */
export function period(date: string, from: string, to: string): { starts_at: string; ends_at: string } | null {
  const start = new Date(`${date}T${from}`);
  let end = new Date(`${date}T${to}`);
  if (Number.isNaN(start.getTime()) || Number.isNaN(end.getTime())) return null;
  if (end <= start) end = plusDays(end, 1);
  return { starts_at: start.toISOString(), ends_at: end.toISOString() };
}

/** Whether these are midnight and the midnight after. */
export function isWholeDay(from: Date, to: Date): boolean {
  return from.getHours() + from.getMinutes() === 0 && plusDays(from, 1).getTime() === to.getTime();
}

/** A local day as `<input type="date">` writes it. */
export function isoDay(at: Date): string {
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}
