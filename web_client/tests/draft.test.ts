/** Drafts belong to one person, grow old, and go at sign-out. */
import { beforeEach, expect, it, vi } from "vitest";
import { clearDrafts, dropDraft, keepDraft, readDraft } from "../src/lib/draft";

class Memory {
  kept = new Map<string, string>();
  full = false;
  get length(): number {
    return this.kept.size;
  }
  key = (index: number): string | null => [...this.kept.keys()][index] ?? null;
  getItem = (key: string): string | null => this.kept.get(key) ?? null;
  removeItem = (key: string): void => void this.kept.delete(key);
  setItem = (key: string, value: string): void => {
    if (this.full) throw new DOMException("full", "QuotaExceededError");
    this.kept.set(key, value);
  };
}
let memory: Memory;
beforeEach(() => {
  memory = new Memory();
  vi.stubGlobal("localStorage", memory);
});

it("is there for the one who wrote it alone", () => {
  keepDraft("me", "ask", { question: "?" });
  expect(readDraft("me", "ask")).toEqual({ question: "?" });
  expect(readDraft("you", "ask")).toBeNull();
});
it("is gone after a week", () => {
  keepDraft("me", "ask", 1, 0);
  expect(readDraft("me", "ask", 6 * 86_400_000)).toBe(1);
  expect(readDraft("me", "ask", 8 * 86_400_000)).toBeNull();
  expect(memory.length).toBe(0);
});
it("does not trip over what it cannot read", () => {
  memory.setItem("tele.draft.me.ask", "{");
  expect(readDraft("me", "ask")).toBeNull();
});
it("says when there is no room", () => {
  memory.full = true;
  expect(keepDraft("me", "ask", 1)).toBe(false);
});
it("goes at sign-out, and nothing else with it", () => {
  keepDraft("me", "ask", 1);
  keepDraft("me", "opinion.1", 1);
  memory.setItem("tele.language", "en");
  clearDrafts();
  expect([...memory.kept.keys()]).toEqual(["tele.language"]);
});
it("of everybody else goes when somebody signs in", () => {
  keepDraft("me", "ask", 1);
  keepDraft("you", "ask", 2);
  clearDrafts("you");
  expect([readDraft("me", "ask"), readDraft("you", "ask")]).toEqual([null, 2]);
});
it("can be dropped by name", () => {
  keepDraft("me", "ask", 1);
  dropDraft("me", "ask");
  expect(readDraft("me", "ask")).toBeNull();
});
