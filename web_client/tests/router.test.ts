/** Addresses and the pages behind them. */
import { beforeAll, describe, expect, it, vi } from "vitest";

let match: typeof import("../src/lib/router.svelte").match;
beforeAll(async () => {
  vi.stubGlobal("location", { pathname: "/", search: "" });
  vi.stubGlobal("addEventListener", () => undefined);
  ({ match } = await import("../src/lib/router.svelte"));
});

describe("match", () => {
  it.each([
    ["/", "/", {}],
    ["/cases", "/cases/", {}],
    ["/cases/:id", "/cases/a%20b", { id: "a b" }],
    ["/cases/:id", "/cases/", null],
    ["/cases/:id", "/cases/a/b", null],
    ["/cases/:id", "/cases/%E0%A4%A", null],
    ["/", "/cases", null],
    ["/library", "/cases", null],
  ])("%s against %s", (pattern, path, expected) => expect(match(pattern, path)).toEqual(expected));
});
