/** Calls to the server: what is repeated, what a refusal tells, and who hears that the session ended. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { api, ApiError, newKey, onSignedOut } from "../src/lib/api";

const answers: (Response | Error)[] = [];
const asked: { path: string; init: RequestInit }[] = [];
beforeEach(() => {
  answers.length = 0;
  asked.length = 0;
  vi.useFakeTimers();
  vi.stubGlobal("document", { documentElement: { lang: "zh-CN" } });
  vi.stubGlobal("fetch", (path: string, init: RequestInit) => {
    asked.push({ path, init });
    const next = answers.shift() ?? new Error("nothing left to answer");
    return next instanceof Error ? Promise.reject(next) : Promise.resolve(next);
  });
});
afterEach(() => vi.useRealTimers());

const json = (status: number, body: unknown, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(body), { status, headers });
async function settle<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined); // looked at below
  await vi.runAllTimersAsync();
  return promise;
}

describe("repetition", () => {
  it("asks again for what it may ask twice", async () => {
    answers.push(new TypeError("lost"), json(503, {}), json(200, { ok: 1 }));
    expect(await settle(api.get("/api/x"))).toEqual({ ok: 1 });
    expect(asked).toHaveLength(3);
  });
  it("never repeats a plain POST", async () => {
    answers.push(new TypeError("lost"), json(200, {}));
    await expect(settle(api.post("/api/x"))).rejects.toMatchObject({ code: "offline" });
    expect(asked).toHaveLength(1);
  });
  it("repeats a POST that carries a key, under the same key", async () => {
    answers.push(new TypeError("lost"), json(201, { id: "a" }));
    expect(await settle(api.post("/api/x", {}, { key: "k1" }))).toEqual({ id: "a" });
    expect(asked.map(({ init }) => (init.headers as Record<string, string>)["Idempotency-Key"])).toEqual(["k1", "k1"]);
  });
  it("does not repeat a refusal", async () => {
    answers.push(json(404, { code: "not-found" }));
    await expect(settle(api.get("/api/x"))).rejects.toMatchObject({ status: 404 });
    expect(asked).toHaveLength(1);
  });
});

describe("refusals", () => {
  it("keep code, detail, fields and the rest", async () => {
    answers.push(json(409, { type: "/problems/taken", title: "t", status: 409, detail: "d", code: "taken", by: "Dr Li" }));
    await expect(settle(api.post("/api/x"))).rejects.toMatchObject({ code: "taken", detail: "d", extra: { by: "Dr Li" } });
    answers.push(json(422, { code: "invalid", errors: [{ field: "patient.age", code: "range", message: "m" }] }));
    await expect(settle(api.post("/api/x"))).rejects.toMatchObject({ fields: [{ field: "patient.age" }] });
  });
  it("of a proxy are known by their status", async () => {
    answers.push(new Response("<html>", { status: 413 }));
    await expect(settle(api.post("/api/x"))).rejects.toMatchObject({ code: "http-413" });
  });
  it("tell how long to wait", async () => {
    answers.push(json(429, { code: "locked-out" }, { "Retry-After": "60" }));
    await expect(settle(api.post("/api/x"))).rejects.toMatchObject({ extra: { retry_after_s: 60 } });
  });
  it("an answer that is no JSON is not taken for one", async () => {
    answers.push(new Response("<html>", { status: 200 }));
    await expect(settle(api.post("/api/x"))).rejects.toBeInstanceOf(ApiError);
  });
});

it("tells when the session is over, and a wrong password is not that", async () => {
  const heard = vi.fn();
  const stop = onSignedOut(heard);
  answers.push(json(401, { code: "wrong-credentials" }), json(401, { code: "signed-out" }));
  await expect(settle(api.post("/api/session"))).rejects.toMatchObject({ status: 401 });
  expect(heard).not.toHaveBeenCalled();
  await expect(settle(api.post("/api/x"))).rejects.toMatchObject({ status: 401 });
  expect(heard).toHaveBeenCalledOnce();
  stop();
});

it("sends the reader's language and makes keys of 128 bits", async () => {
  answers.push(json(200, {}));
  await settle(api.get("/api/x"));
  expect((asked[0]?.init.headers as Record<string, string>)["Accept-Language"]).toBe("zh-CN");
  expect(newKey()).toMatch(/^[0-9a-f]{32}$/);
  expect(newKey()).not.toBe(newKey());
});
