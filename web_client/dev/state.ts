/** The mock's world in memory: cases that move through their stages, rings, a roster, a queue. */
import type { Case, CaseFile, May, Me, OnCall, Progress, Ring, Urgency } from "../src/lib/types";
import { PEOPLE, SPECIALTIES } from "./people.ts";

export type Send = (username: string, event: string, payload: unknown) => void;
interface RosterShift {
  id: string;
  specialty: string;
  practitioner: { id: string; name: string };
  organisation: string;
  starts_at: string;
  ends_at: string;
}

const RING_MS = 40_000;
const PROGRESS: Progress = { position: 1, ringing: null, next: [], expected_wait_s: 60, on_call: 0, duty_phone: "+86 28 5550 0100", line: null };
export const iso = (ms = Date.now()): string => new Date(ms).toISOString();
let counter = 0;
export const newId = (): string => `m${(counter += 1).toString(36)}${Math.random().toString(36).slice(2, 10)}`;

export class World {
  cases: Case[] = [];
  files = new Map<string, { file: CaseFile; bytes: Buffer }>();
  switches = new Map<string, string>([
    ["spec", iso()],
    ["spec2", iso()],
  ]);
  rings: (Ring & { username: string })[] = [];
  shifts: RosterShift[] = [];
  keys = new Map<string, string>();

  constructor(private readonly send: Send) {
    const start = new Date();
    start.setHours(0, 0, 0, 0);
    start.setDate(start.getDate() - ((start.getDay() + 6) % 7));
    for (let day = 0; day < 7; day += 1) {
      for (const [code, who] of [["cardiology", day % 2 ? "spec2" : "spec"], ["dermatology", "derm"]] as const) {
        if (code === "dermatology" && day > 4) continue;
        const me = this.person(who);
        const at = start.getTime() + day * 86_400_000;
        this.shifts.push({ id: newId(), specialty: code, practitioner: { id: me.id, name: me.name }, organisation: "West Hospital",
          starts_at: iso(at + 8 * 3_600_000), ends_at: iso(at + 18 * 3_600_000) });
      }
    }
    this.#history();
  }

  person(username: string): Me {
    const found = PEOPLE.find((each) => each.username === username || each.id === username);
    if (!found) throw new Error(username);
    return found;
  }

  specialties(): unknown {
    return SPECIALTIES.map(([code, en, zh]) => {
      const n = this.#available(code).length;
      return { code, name: { en, "zh-CN": zh }, on_call: n, expected_wait_s: n ? 60 : null, duty_phone: "028-8542 0000" };
    });
  }

  onCall(me: Me): OnCall {
    const today = this.shifts.filter((s) => new Date(s.starts_at).toDateString() === new Date().toDateString());
    const own = today.find((s) => s.practitioner.id === me.id);
    return {
      on: this.switches.has(me.username),
      since: this.switches.get(me.username) ?? null,
      until: null,
      shift: own ? { starts_at: own.starts_at, ends_at: own.ends_at } : null,
      specialties: me.organisations[0]?.specialties ?? [],
      roster_today: today.map((s) => ({ specialty: s.specialty, name: s.practitioner.name, starts_at: s.starts_at, ends_at: s.ends_at })),
      ringing: this.rings.filter((r) => r.username === me.username).map(({ username: _, ...ring }) => ring),
    };
  }

  setOnCall(me: Me, on: boolean): void {
    if (on) this.switches.set(me.username, iso());
    else this.switches.delete(me.username);
    if (on) for (const each of this.cases) if (each.stage === "queued") this.#ringNext(each);
    this.send(me.username, "on-call", this.onCall(me));
  }

  create(me: Me, body: Record<string, unknown>, key: string | undefined): Case {
    const done = key && this.cases.find((each) => each.id === this.keys.get(key));
    if (done) return done;
    const consents = body.consents as Omit<Case["consents"][number], "id" | "withdrawn_at">[];
    const made = this.blank(me, String(body.specialty), body.urgency as Urgency, String(body.question));
    made.patient = (body.patient as Case["patient"]) ?? null;
    made.consents = consents.map((each) => ({ ...each, id: newId(), withdrawn_at: null }));
    made.files = (body.files as string[]).flatMap((id) => this.files.get(id)?.file ?? []);
    this.cases.unshift(made);
    if (key) this.keys.set(key, made.id);
    this.#ringNext(made);
    return made;
  }

  blank(me: Me, specialty: string, urgency: Urgency, question: string): Case {
    const name = SPECIALTIES.find(([code]) => code === specialty)?.[1] ?? specialty;
    return {
      id: newId(), title: name, status: "active", stage: "queued", specialty, urgency, question,
      created_at: iso(), updated_at: iso(),
      requester: { id: me.id, name: me.name, organisation: me.organisations[0]?.name ?? "" },
      specialist: null, patient: null, consents: [], files: [], messages: [],
      progress: null,
      encounter: null, recording: null, opinion: null, viewers: [], may: [], version: 1,
    };
  }

  /** The case as this person may see it, or null. */
  view(me: Me, each: Case): Case | null {
    const requester = each.requester.id === me.id;
    const specialist = each.specialist?.id === me.id;
    const paged = this.rings.some((ring) => ring.consultation === each.id && ring.username === me.username);
    if (!requester && !specialist && !paged && !each.viewers.some((v) => v.id === me.id)) return null;
    const may: May[] = [];
    const waiting = ["queued", "ringing", "needs-more"].includes(each.stage);
    if (requester) {
      if (waiting) may.push("cancel", "add-file");
      if (each.stage === "needs-more") may.push("reply");
      if (each.stage === "in-call") may.push("join", "hang-up", "stop-recording");
      if (each.recording && !waiting) may.push("withdraw-recording");
      if (each.stage === "answered") may.push("follow-up");
      may.push("name-viewer");
    }
    if (paged && waiting) may.push("accept", "decline", "snooze", "ask-more", ...(each.urgency === "routine" ? (["answer-in-writing"] as const) : []));
    if (specialist) {
      if (each.stage === "in-call") may.push("join", "hang-up");
      if (each.stage === "awaiting-opinion") may.push("write-opinion", "sign", "hand-over");
      if (each.stage === "answered") may.push("add-addendum", "follow-up");
      may.push("name-viewer");
    }
    const opinion = each.opinion?.state === "draft" && !specialist ? null : each.opinion;
    return { ...each, may, opinion };
  }

  act(me: Me, each: Case, action: string, body: Record<string, unknown>): Case {
    const mine = this.rings.find((ring) => ring.consultation === each.id && ring.username === me.username);
    const say = (kind: Case["messages"][number]["kind"], text: unknown): void => {
      each.messages.push({ id: newId(), kind, author: { id: me.id, name: me.name }, text: String(text), at: iso(), offset: null,
        client_id: (body.client_id as string) ?? null });
    };
    if (action === "cancel") {
      this.#end(each, "cancelled", null);
      each.stage = "cancelled";
    } else if (action === "accept" || action === "answer-in-writing") {
      each.specialist = { id: me.id, name: me.name, title: "Chief physician", organisation: me.organisations[0]?.name ?? "" };
      this.#end(each, "taken", me.name);
      each.stage = action === "accept" ? "in-call" : "awaiting-opinion";
      if (action === "accept") {
        each.encounter = { id: newId(), room: newId(), status: "in-progress", started_at: iso(), ended_at: null };
        if (each.consents.some((c) => c.kind === "recording")) each.recording = { id: newId(), state: "recording", duration: null, consented: true };
      }
    } else if (action === "decline" || action === "snooze") {
      if (mine) this.#endRing(mine, action === "snooze" ? "snoozed" : "declined", null);
      this.#ringNext(each, me.username);
    } else if (action === "ask-more") {
      say("asked-more", body.text);
      this.#end(each, "taken", me.name);
      each.progress = { ...PROGRESS, position: null, line: { code: "needs-more", args: { name: me.name } } };
      each.stage = "needs-more";
    } else if (action === "reply") {
      say("more", body.text);
      this.#ringNext(each);
    } else if (action === "messages") say(each.stage === "in-call" ? "chat" : "follow-up", body.text);
    else if (action === "hang-up" && each.encounter) {
      each.encounter = { ...each.encounter, status: "discharged", ended_at: iso() };
      if (each.recording) each.recording = { ...each.recording, state: "sealed", duration: 184 };
      each.stage = "awaiting-opinion";
    } else if (action === "opinion" || action === "opinion/sign") {
      const signed = action.endsWith("sign");
      each.opinion = { assessment: String(body.assessment), advice: String(body.advice ?? ""), next_step: (body.next_step as "advice-only") ?? "advice-only",
        state: signed ? "signed" : "draft", author: { id: me.id, name: me.name }, signed_at: signed ? iso() : null, addenda: [] };
      if (signed) each.stage = "answered";
      else return each;
    } else if (action === "opinion/addenda") each.opinion?.addenda.push({ text: String(body.text), author: { id: me.id, name: me.name }, at: iso() });
    else if (action === "viewers") {
      const named = this.person(String(body.practitioner));
      each.viewers = [...each.viewers, { id: named.id, name: named.name }];
    } else if (action.startsWith("viewers/")) each.viewers = each.viewers.filter((v) => v.id !== action.slice(8));
    else if (action === "recording" && each.recording) each.recording = { ...each.recording, state: body.action === "withdraw" ? "withdrawn" : body.action === "stop" ? "paused" : "recording" };
    this.#changed(each);
    return each;
  }

  #available(specialty: string): Me[] {
    return PEOPLE.filter((p) => this.switches.has(p.username) && p.organisations[0]?.specialties.includes(specialty));
  }

  #ringNext(each: Case, after = ""): void {
    const free = this.#available(each.specialty);
    const index = free.findIndex((p) => p.username === after);
    const next = free[index + 1];
    if (!next) {
      each.stage = "queued";
      each.progress = { ...PROGRESS, ringing: null, next: [], expected_wait_s: null, on_call: free.length, line: { code: free.length ? "coordinator" : "nobody-on-call", args: {} } };
    } else {
      const until = iso(Date.now() + RING_MS);
      const ring: Ring & { username: string } = { page: newId(), consultation: each.id, specialty: each.specialty, urgency: each.urgency, question: each.question,
        requester: each.requester, sex: each.patient?.sex ?? null, age: each.patient?.age ?? null, sent_at: iso(), expires_at: until,
        routine: each.urgency === "routine", username: next.username };
      this.rings.push(ring);
      each.stage = "ringing";
      each.progress = { ...PROGRESS, position: 1, on_call: free.length, ringing: { name: next.name, since: iso(), until },
        next: [...free.slice(index + 2).map((p) => ({ name: p.name, after_s: 40 })), { kind: "coordinator" as const, after_s: 80 }], line: { code: "ringing", args: { name: next.name, others: 0 } } };
      const { username, ...hint } = ring;
      this.send(username, "ring", hint);
      setTimeout(() => {
        if (!this.rings.includes(ring)) return;
        this.#endRing(ring, "timed-out", null);
        this.#ringNext(each, username);
      }, RING_MS);
    }
    this.#changed(each);
  }

  #end(each: Case, outcome: string, by: string | null): void {
    for (const ring of this.rings.filter((r) => r.consultation === each.id)) this.#endRing(ring, outcome, by);
    each.progress = null;
  }

  #endRing(ring: Ring & { username: string }, outcome: string, by: string | null): void {
    this.rings = this.rings.filter((r) => r !== ring);
    this.send(ring.username, "ring.end", { page: ring.page, consultation: ring.consultation, outcome, by });
  }

  #changed(each: Case): void {
    each.version += 1;
    each.updated_at = iso();
    for (const id of [each.requester.id, each.specialist?.id]) {
      const who = PEOPLE.find((p) => p.id === id);
      if (who) this.send(who.username, "consultation", { id: each.id, stage: each.stage, version: each.version, progress: each.progress, what: "changed" });
    }
    this.send("coord", "queue", {});
  }

  #history(): void {
    const gp = this.person("gp");
    const spec = this.person("spec");
    const answered = this.blank(gp, "cardiology", "urgent", "Chest tightness on stairs for two weeks, ECG attached. Does he need to come in today?");
    const hour = 3_600_000;
    Object.assign(answered, {
      stage: "answered", status: "completed", created_at: iso(Date.now() - 26 * hour), updated_at: iso(Date.now() - 25 * hour),
      specialist: { id: spec.id, name: spec.name, title: "Chief physician", organisation: "West Hospital" },
      patient: { record_number: "FC-2207", initials: "Z. L.", sex: "male", age: 61, history: "Hypertension 12 years, type 2 diabetes. Smoker.", findings: "BP 152/94, pulse 88 regular, lungs clear, no oedema." },
      encounter: { id: "e1", room: "r1", status: "completed", started_at: iso(Date.now() - 25.8 * hour), ended_at: iso(Date.now() - 25.5 * hour) },
      recording: { id: "rec1", state: "sealed", duration: 1084, consented: true },
      consents: (["teleconsultation", "recording"] as const).map((kind) => ({ id: newId(), kind, form_version: "2026-1", given_by: "patient", guardian_name: null, witness: gp.name, given_at: iso(Date.now() - 26 * hour), photo: null, withdrawn_at: null })),
      opinion: { assessment: "Stable angina, probably CCS II. The ECG shows no acute ischaemia.", advice: "Start aspirin 100 mg and atorvastatin 20 mg at night. Fasting lipids and troponin this week. Stop if muscle pain.", next_step: "come-back", state: "signed", author: { id: spec.id, name: spec.name }, signed_at: iso(Date.now() - 25 * hour), addenda: [] },
      messages: [
        { id: newId(), kind: "chat", author: { id: gp.id, name: gp.name }, text: "Second ECG is up now.", at: iso(Date.now() - 25.7 * hour), offset: 312, client_id: null },
        { id: newId(), kind: "follow-up", author: { id: gp.id, name: gp.name }, text: "He tolerates the statin well. Is a stress test useful here?", at: iso(Date.now() - 3 * hour), offset: null, client_id: null },
      ],
    } satisfies Partial<Case>);
    const toSign = this.blank(this.person("gp2"), "cardiology", "routine", "Palpitations in pregnancy, 24 weeks. Which tests are safe?");
    Object.assign(toSign, { stage: "awaiting-opinion", specialist: answered.specialist, patient: { sex: "female", age: 29 },
      encounter: { id: "e2", room: "r2", status: "discharged", started_at: iso(Date.now() - 2 * hour), ended_at: iso(Date.now() - 1.8 * hour) } });
    const more = this.blank(gp, "dermatology", "routine", "Itching rash on both forearms since spring, no response to 1 % hydrocortisone.");
    Object.assign(more, { stage: "needs-more", patient: { sex: "female", age: 34 }, created_at: iso(Date.now() - 5 * hour),
      messages: [{ id: newId(), kind: "asked-more", author: { id: "p-derm", name: "Dr Liu Jing" }, text: "Could you add a close photograph in daylight, and one of the whole arm?", at: iso(Date.now() - 4.5 * hour), offset: null, client_id: null }] });
    this.cases.push(more, answered, toSign);
  }
}
