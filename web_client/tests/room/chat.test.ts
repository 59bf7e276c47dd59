/** Lines of the conversation: shown at once, confirmed once, never twice. */
import { describe, expect, it } from "vitest";
import { merge, type Line } from "../../src/room/chat.svelte";

const message = (id: string, at: string, client_id: string | null = null) =>
  ({ id, kind: "chat", author: { id: "a", name: "A" }, text: id, at, offset: 1, client_id });
const pending = (id: string, at: string): Line => ({ ...message(id, at, id), state: "pending" });

describe("merge", () => {
  it("replaces a pending line by the server's copy of it", () => {
    const lines = merge([pending("c_1", "2026-01-01T00:00:09Z")], [message("m1", "2026-01-01T00:00:03Z", "c_1")]);
    expect(lines.map(({ id, state }) => [id, state])).toEqual([["m1", "sent"]]);
  });
  it("takes a message that comes twice once", () => {
    const once = merge([], [message("m1", "2026-01-01T00:00:03Z")]);
    expect(merge(once, [message("m1", "2026-01-01T00:00:03Z")])).toHaveLength(1);
  });
  it("orders by the server's time and keeps what is on its way last", () => {
    const lines = merge([pending("c_1", "2026-01-01T00:00:00Z")], [message("m2", "2026-01-01T00:00:05Z"), message("m1", "2026-01-01T00:00:03Z")]);
    expect(lines.map(({ id }) => id)).toEqual(["m1", "m2", "c_1"]);
  });
});
