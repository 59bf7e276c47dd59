/** A lecture's form: times in the zone of whoever fills it in, and only what was filled in is sent. */
import { describe, expect, it } from "vitest";
import { bodyOf, emptyPlan, missingIn, planOf, proposed, startOf } from "../../src/lib/lecture-plan";
import type { Lecture } from "../../src/lib/lecture-types";

const now = new Date(2026, 10, 24, 13, 7);

describe("a new plan", () => {
  it("proposes a full half hour that leaves an hour to announce it", () => {
    const at = proposed(now);
    expect([at.getHours(), at.getMinutes()]).toEqual([14, 30]);
  });

  it("needs a title, and organisations only where some are invited", () => {
    const plan = emptyPlan(now, "en");
    expect(missingIn(plan)).toEqual(["title"]);
    expect(missingIn({ ...plan, title: "ECG", scope: "organisations" })).toEqual(["organisations"]);
    expect(missingIn({ ...plan, title: "ECG", date: "" })).toEqual(["starts_at"]);
    expect(missingIn({ ...plan, title: "ECG" })).toEqual([]);
  });

  it("is sent with its times in UTC, and without any when it is now", () => {
    const plan = { ...emptyPlan(now, "en"), title: " ECG ", minutes: 45 };
    const body = bodyOf(plan, true);
    expect(body.title).toBe("ECG");
    expect(body.starts_at).toBe(startOf(plan)?.toISOString());
    expect(Date.parse(String(body.ends_at)) - Date.parse(String(body.starts_at))).toBe(45 * 60_000);
    expect(bodyOf(plan, false)).not.toHaveProperty("starts_at");
    expect(body).not.toHaveProperty("speaker");
    expect(body.specialty).toBeNull();
  });

  it("forgets organisations when everybody is invited after all", () => {
    expect(bodyOf({ ...emptyPlan(now, "en"), organisations: ["a"] }, true).organisations).toEqual([]);
  });
});

it("a planned lecture comes back into the form as it was", () => {
  const plan = { ...emptyPlan(now, "en"), title: "ECG", place: "Hall", minutes: 90, roles: ["gp" as const] };
  const body = bodyOf(plan, true);
  const lecture = { ...body, summary: "", specialty: null, series: null, presenters: [{ id: "s", name: "S", title: null, organisation: null }],
    audience: { scope: "consortium", organisations: [], roles: ["gp"] } } as unknown as Lecture; // prettier-ignore
  expect(planOf(lecture)).toEqual({ ...plan, speaker: { id: "s", name: "S" } });
});
