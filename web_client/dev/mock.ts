/** A server in memory for developing the pages: REST under /api and Socket.IO, good enough to click through. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { Server as SocketServer, type Socket } from "socket.io";
import type { Plugin } from "vite";
import type { CaseFile, Me } from "../src/lib/types";
import { PEOPLE } from "./people.ts";
import { iso, newId, World } from "./state.ts";

const sessions = new Map<string, string>();
const sockets = new Map<string, Set<Socket>>();

function send(username: string, event: string, payload: unknown): void {
  for (const socket of sockets.get(username) ?? []) socket.emit(event, payload);
}

const world = new World(send);

function who(request: { headers: { cookie?: string } }): Me | null {
  const token = /tele_session=([^;]+)/.exec(request.headers.cookie ?? "")?.[1] ?? "";
  return PEOPLE.find((each) => each.username === sessions.get(token)) ?? null;
}

function answer(response: ServerResponse, status: number, body?: unknown): void {
  response.statusCode = status;
  response.setHeader("Content-Type", status < 400 ? "application/json" : "application/problem+json");
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

function refuse(response: ServerResponse, status: number, code: string, extra: Record<string, unknown> = {}): void {
  answer(response, status, { type: `/problems/${code}`, code, status, title: code, detail: "", ...extra });
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://mock");
  const path = url.pathname.slice("/api/".length);
  const method = request.method ?? "GET";
  const raw = await read(request);
  const body = (request.headers["content-type"] ?? "").includes("json") && raw.length ? (JSON.parse(raw.toString()) as Record<string, unknown>) : {};
  if (path === "session" && method === "POST") {
    const person = PEOPLE.find((each) => each.username === body.username);
    if (!person || body.password === "wrong") return refuse(response, 401, "wrong-credentials");
    const token = newId();
    sessions.set(token, person.username);
    response.setHeader("Set-Cookie", `tele_session=${token}; Path=/; HttpOnly; SameSite=Lax`);
    return answer(response, 200, person);
  }
  const me = who(request);
  if (!me) return refuse(response, 401, "signed-out");
  const [area = "", id = "", ...rest] = path.split("/");
  if (path === "session") return method === "DELETE" ? answer(response, 204) : answer(response, 200, me);
  if (path === "session/language") {
    me.language = String(body.language);
    return answer(response, 204);
  }
  if (path === "specialties") return answer(response, 200, { items: world.specialties() });
  if (path === "consent-forms") {
    return answer(response, 200, { items: (["teleconsultation", "recording"] as const).map((kind) => ({ kind, version: "2026-1", title: { en: `Consent: ${kind}`, "zh-CN": "知情同意书" }, text: { en: "I agree.", "zh-CN": "本人同意。" } })) });
  }
  if (path === "on-call") {
    if (method === "PUT") world.setOnCall(me, body.on === true);
    return answer(response, 200, world.onCall(me));
  }
  if (path === "people") {
    const q = (url.searchParams.get("q") ?? "").toLowerCase();
    const role = url.searchParams.get("role");
    return answer(response, 200, { items: PEOPLE.filter((p) => p.name.toLowerCase().includes(q) && (!role || p.roles.includes(role as "gp"))).map((p) => ({ id: p.id, name: p.name, title: "", organisation: p.organisations[0]?.name, roles: p.roles, specialties: p.organisations[0]?.specialties ?? [] })) });
  }
  if (area === "files") return files(request, response, me, method, id, rest[0], url, raw);
  if (area === "recordings") return recordings(response, me, id);
  if (area === "queue") return queue(response, id, rest[0], body);
  if (area === "roster") return roster(response, method, id, rest[0], body);
  if (path === "consultations" && method === "POST") {
    if (!(body.consents as { kind: string }[]).some((c) => c.kind === "teleconsultation")) return refuse(response, 422, "consent-required");
    return answer(response, 201, world.view(me, world.create(me, body, request.headers["idempotency-key"] as string)));
  }
  if (path === "consultations") {
    const scope = url.searchParams.get("scope");
    const open = ["queued", "ringing", "needs-more", "in-call", "awaiting-opinion"];
    const items = world.cases.flatMap((each) => world.view(me, each) ?? []).filter((each) =>
      scope === "to-sign" ? each.stage === "awaiting-opinion" && each.may.includes("sign") : open.includes(each.stage) === (scope === "open"));
    return answer(response, 200, { items, next: null });
  }
  if (area === "consultations") {
    const found = world.cases.find((each) => each.id === id);
    const seen = found && world.view(me, found);
    if (!found || !seen) {
      if (rest[0] === "accept") return refuse(response, 409, "taken", { by: found?.specialist?.name ?? "" });
      return refuse(response, 404, "not-found");
    }
    if (!rest.length) return answer(response, 200, seen);
    const action = rest.join("/");
    if (method === "PUT" || method === "POST" || method === "DELETE") {
      const changed = world.act(me, found, action, body);
      if (action === "messages") return answer(response, 201, changed.messages.at(-1));
      return answer(response, 200, world.view(me, changed) ?? { id: found.id });
    }
  }
  refuse(response, 404, "not-found");
}

function files(request: IncomingMessage, response: ServerResponse, me: Me, method: string, id: string, part: string | undefined, url: URL, raw: Buffer): void {
  if (method === "POST") {
    const name = url.searchParams.get("name") ?? "file";
    const pdf = raw.subarray(0, 4).toString() === "%PDF";
    const image = ["89504e47", "ffd8ffe0", "ffd8ffe1", "52494646"].includes(raw.subarray(0, 4).toString("hex"));
    if (!pdf && !image && url.searchParams.get("kind") !== "ecg") return refuse(response, 415, "file-type");
    const file: CaseFile = { id: newId(), name, type: pdf ? "application/pdf" : request.headers["content-type"] ?? "image/png", kind: pdf ? "pdf" : "image", size: raw.length, preview: image, uploaded_by: { id: me.id, name: me.name }, uploaded_at: iso() };
    world.files.set(file.id, { file, bytes: raw });
    return answer(response, 201, file);
  }
  const kept = world.files.get(id);
  if (!kept) return refuse(response, 404, "not-found");
  if (method === "DELETE") {
    world.files.delete(id);
    return answer(response, 204);
  }
  response.setHeader("Content-Type", part === "preview" ? "image/png" : kept.file.type);
  response.end(kept.bytes);
}

function recordings(response: ServerResponse, me: Me, id: string): void {
  const items = world.cases.flatMap((each) => world.view(me, each) ?? []).flatMap((each) =>
    each.recording?.state === "sealed" ? [{ id: each.recording.id, title: `${each.title} · ${each.requester.organisation}`, state: "sealed", duration: each.recording.duration, started: each.encounter?.started_at, tracks: [], chapters: [], consultation: each.id }] : []);
  if (!id) return answer(response, 200, { items, next: null });
  const found = items.find((each) => each.id === id);
  if (found) answer(response, 200, { ...found, messages: [], gaps: [] });
  else refuse(response, 404, "not-found");
}

function queue(response: ServerResponse, id: string, action: string | undefined, body: Record<string, unknown>): void {
  const waiting = world.cases.filter((each) => ["queued", "ringing", "needs-more"].includes(each.stage));
  if (!id) {
    const items = waiting.map((each) => {
      const waited = (Date.now() - Date.parse(each.created_at)) / 1000;
      const promise = each.urgency === "routine" ? 14_400 : each.urgency === "urgent" ? 600 : 120;
      return { id: each.id, specialty: each.specialty, urgency: each.urgency, since: each.created_at, waiting_s: waited, stage: each.stage, ringing: each.progress?.ringing ?? null, organisation: each.requester.organisation, requester_name: each.requester.name, promise_s: promise, light: waited > promise ? "red" : waited > promise / 2 ? "amber" : "green" };
    });
    return answer(response, 200, { items: items.sort((a, b) => b.waiting_s - a.waiting_s) });
  }
  const found = waiting.find((each) => each.id === id);
  if (!found) return refuse(response, 404, "not-found");
  if (action === "contacts") return answer(response, 200, { items: [
    { kind: "gp", name: found.requester.name, phone: "+86 28 8765 4321" },
    { kind: "on-call", name: "Dr Li Wei", phone: "+86 138 0000 1111" },
    { kind: "duty-desk", name: "West Hospital", phone: found.progress?.duty_phone } ] });
  if (action === "cancel") world.act(world.person("coord"), found, "cancel", body);
  answer(response, 200, {});
}

function roster(response: ServerResponse, method: string, part: string, id: string | undefined, body: Record<string, unknown>): void {
  if (method === "POST" && part === "shifts") {
    const person = world.person(String(body.practitioner));
    const shift = { id: newId(), specialty: String(body.specialty), practitioner: { id: person.id, name: person.name }, organisation: "West Hospital", starts_at: String(body.starts_at), ends_at: String(body.ends_at) };
    world.shifts.push(shift);
    return answer(response, 201, shift);
  }
  if (method === "DELETE") {
    world.shifts = world.shifts.filter((each) => each.id !== id);
    return answer(response, 204);
  }
  const first = world.shifts[0];
  const holes = first ? [{ specialty: "dermatology", starts_at: iso(Date.parse(first.starts_at) + 5 * 86_400_000), ends_at: iso(Date.parse(first.ends_at) + 5 * 86_400_000) }] : [];
  answer(response, 200, { shifts: world.shifts, overrides: [], holes });
}

export function mock(): Plugin {
  return {
    name: "mock-server",
    configureServer(vite) {
      vite.middlewares.use((request, response, next) => {
        if (!request.url?.startsWith("/api/")) return next();
        handle(request, response).catch((error: unknown) => {
          console.error(error);
          if (!response.writableEnded) refuse(response, 500, "unexpected");
        });
      });
      const io = new SocketServer(vite.httpServer as Server, { transports: ["websocket"], destroyUpgrade: false });
      io.on("connection", (socket) => {
        const me = who(socket.handshake);
        if (!me) return socket.disconnect(true);
        const open = sockets.get(me.username) ?? new Set();
        sockets.set(me.username, open.add(socket));
        socket.on("disconnect", () => open.delete(socket));
        socket.on("hello", (_: unknown, ack: (reply: unknown) => void) => ack({ ok: true, me: me.id, server_time: iso() }));
        socket.on("room.join", (_: unknown, ack: (reply: unknown) => void) => ack({ ok: false, error: { code: "no-media", message: "the mock has no media" } }));
      });
    },
  };
}
