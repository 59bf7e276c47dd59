/** The roster's week: days, shifts over midnight, typed hours. */
import { describe, expect, it } from "vitest";
import { days, isoDay, monday, on, period, plusDays } from "../src/pages/coordinate/week";

it("starts on Monday, also on a Sunday and at midnight", () => {
  expect(isoDay(monday(new Date(2026, 10, 22, 23, 59)))).toBe("2026-11-16");
  expect(isoDay(monday(new Date(2026, 10, 23)))).toBe("2026-11-23");
  expect(days(monday(new Date(2026, 10, 22))).map(isoDay)).toHaveLength(7);
});

it("shows a night shift on both its days and on no third", () => {
  const night = { starts_at: new Date(2026, 10, 20, 20).toISOString(), ends_at: new Date(2026, 10, 21, 8).toISOString() };
  const shown = days(new Date(2026, 10, 19)).map((day) => on(day, [night]).length);
  expect(shown).toEqual([0, 1, 1, 0, 0, 0, 0]);
});

it("does not show a shift that ends at midnight on the next day", () => {
  const late = { starts_at: new Date(2026, 10, 20, 16).toISOString(), ends_at: new Date(2026, 10, 21).toISOString() };
  expect(on(new Date(2026, 10, 21), [late])).toEqual([]);
});

describe("period", () => {
  it("ends on the next day when the end is not after the start", () => {
    const found = period("2026-11-20", "20:00", "08:00");
    expect(found && Date.parse(found.ends_at) - Date.parse(found.starts_at)).toBe(12 * 3_600_000);
    const whole = period("2026-11-20", "08:00", "08:00");
    expect(whole && Date.parse(whole.ends_at) - Date.parse(whole.starts_at)).toBe(24 * 3_600_000);
  });
  it("is nothing without a day", () => {
    expect(period("", "08:00", "09:00")).toBeNull();
  });
});

it("moves by days and not by hours", () => {
  const moved = plusDays(new Date(2026, 2, 28, 9), 2);
  expect([moved.getDate(), moved.getHours()]).toEqual([30, 9]);
});
