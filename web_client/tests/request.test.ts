/** What keeps a request from being sent, and what is sent. */
import { describe, expect, it } from "vitest";
import { age, begun, body, check, empty, type Draft } from "../src/pages/ask/request";

const NOW = new Date("2026-11-21T08:00:00Z");
const enough = (more: Partial<Draft> = {}): Draft => ({
  ...empty("k"),
  specialty: "cardiology",
  urgency: "urgent",
  question: "Chest pain since noon?",
  consent: true,
  ...more,
});

describe("check", () => {
  it("asks for specialty, urgency, question and consent, in the order of the page", () => {
    expect(Object.keys(check(empty("k"), NOW))).toEqual(["specialty", "urgency", "question", "consent"]);
  });
  it("is content with these four", () => {
    expect(check(enough(), NOW)).toEqual({});
  });
  it("takes a blank question for none", () => {
    expect(check(enough({ question: "  \n" }), NOW)).toEqual({ question: "question" });
  });
  it("wants the guardian's name where a guardian agreed", () => {
    expect(check(enough({ givenBy: "guardian" }), NOW)).toEqual({ guardian: "guardian" });
    expect(check(enough({ givenBy: "guardian", guardian: "Li Na" }), NOW)).toEqual({});
  });
  it("refuses a consent from the future, and forgives a clock that is a little ahead", () => {
    expect(check(enough({ givenAt: "2026-11-21T09:00Z" }), NOW)).toEqual({ givenAt: "future" });
    expect(check(enough({ givenAt: "2026-11-21T08:04Z" }), NOW)).toEqual({});
  });
});

it.each([
  ["0", 0],
  [" 42 ", 42],
  ["130", 130],
  ["131", null],
  ["4.5", null],
  ["-1", null],
  ["abc", null],
])("reads the age %j as %j", (text, years) => expect(age(text)).toBe(years));

describe("body", () => {
  it("sends both consents, given now and witnessed by the asker, for one tick", () => {
    const sent = body(enough(), [], "Dr Chen", NOW) as { consents: Record<string, unknown>[]; patient: object };
    expect(sent.consents.map((each) => each.kind)).toEqual(["teleconsultation", "recording"]);
    for (const each of sent.consents) {
      expect(each).toMatchObject({ witness: "Dr Chen", given_at: NOW.toISOString(), given_by: "patient", guardian_name: null, photo: null });
    }
    expect(sent.patient).toEqual({});
  });
  it("sends no consent to a recording that the patient refused", () => {
    const sent = body(enough({ withoutRecording: true }), [], "Dr Chen", NOW) as { consents: { kind: string }[] };
    expect(sent.consents.map((each) => each.kind)).toEqual(["teleconsultation"]);
  });
  it("names the versions in force", () => {
    const form = { title: {}, text: {} };
    const forms = [
      { kind: "teleconsultation", version: "7", ...form },
      { kind: "recording", version: "9", ...form },
    ] as const;
    const sent = body(enough(), forms, "Dr Chen", NOW) as { consents: { form_version: string }[] };
    expect(sent.consents.map((each) => each.form_version)).toEqual(["7", "9"]);
  });
  it("sends of the patient what was filled in, trimmed", () => {
    const patient = { ...empty("").patient, age: "61", sex: "male" as const, history: " diabetes " };
    expect(body(enough({ patient }), [], "x", NOW).patient).toEqual({ age: 61, sex: "male", history: "diabetes" });
  });
});

it("knows whether there is anything to keep", () => {
  expect(begun(empty("a"))).toBe(false);
  expect(begun({ ...empty("a"), question: "x" })).toBe(true);
});
