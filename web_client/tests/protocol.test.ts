/** What the server sends is read strictly, and a refusal stays a refusal. */
import { describe, expect, it } from "vitest";
import { events, readReply, RequestError } from "../src/lib/protocol";
import { MalformedError } from "../src/lib/wire";

const person = {
  participant: "p_1", id: "a", name: "Chen Jie", role: "gp", mic: true, camera: false, screen: false, connected: true, line: "good",
}; // prettier-ignore

describe("events", () => {
  it("reads people, ignoring fields of a newer server", () => {
    const read = events["room.people"]({ room: "r", people: [{ ...person, mood: "fine" }] });
    expect(read).toEqual({ room: "r", people: [person] });
  });
  it("names the field that is wrong", () => {
    const bad = { room: "r", people: [person, { ...person, mic: "yes" }] };
    expect(() => events["room.people"](bad)).toThrowError(new MalformedError("people[1].mic", "true or false"));
  });
  it.each([null, 3, "x", [], {}])("refuses %j as an offer", (payload) => {
    expect(() => events["media.offer"](payload)).toThrow(MalformedError);
  });
  it("refuses a pointer outside the picture", () => {
    const pointer = { room: "r", participant: "p", target: "file:f", x: 0.5, y: 1.2 };
    expect(() => events.pointer(pointer)).toThrow("y: expected");
  });
});

describe("readReply", () => {
  const failure = (ack: unknown): RequestError => {
    try {
      readReply("media.publish", ack);
    } catch (error) {
      return error as RequestError;
    }
    throw new Error("did not refuse");
  };
  it("returns the body of a success", () => {
    expect(readReply("media.publish", { ok: true, sdp: "v=0" })).toEqual({ sdp: "v=0" });
  });
  it("passes the server's code on", () => {
    expect(failure({ ok: false, error: { code: "room-ended", message: "over" } })).toMatchObject({ code: "room-ended", message: "over" });
  });
  it.each([undefined, { ok: true }, { ok: false }, { ok: true, sdp: 3 }])("calls %j malformed", (ack) => {
    expect(failure(ack).code).toBe("malformed");
  });
});
