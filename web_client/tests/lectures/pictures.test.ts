/** Which pictures stand beside the speaker, within the connections that a browser has. */
import { describe, expect, it } from "vitest";
import { aacOf, grown, picturesAt, trackOf, trackUrl, voiceOf, type Moment } from "../../src/lib/lecture-pictures";
import type { Track } from "../../src/replay/recording";

function track(participant: string, source: string, start = 0, duration = 100): Track {
  const prefix = { microphone: "audio", camera: "cam", screen: "screen" }[source] ?? source;
  return {
    name: `${prefix}-${participant}`, participant: { id: participant, name: participant.toUpperCase(), role: "" }, source,
    kind: source === "microphone" ? "audio" : "video", start, duration, playlist: `/media/r/p/${participant}.m3u8`,
  }; // prettier-ignore
}
const speaker = [track("s", "microphone"), track("s", "camera")];
const moment = (change: Partial<Moment>): Moment => ({
  recording: "r", tracks: speaker, main: new Set(["cam-s", "audio-s"]), speaker: "s", time: 50, live: false, quality: "auto", ...change,
}); // prettier-ignore
const keys = (change: Partial<Moment>): string[] => picturesAt(moment(change)).map((each) => each.key);

describe("pictures", () => {
  it("are none beside a speaker alone", () => expect(keys({})).toEqual([]));

  it("have the screen while it is shared, muted", () => {
    const tracks = [...speaker, track("s", "screen", 20, 30)];
    expect(keys({ tracks, time: 10 })).toEqual([]);
    expect(keys({ tracks, time: 18 })).toEqual(["screen-s"]);
    expect(picturesAt(moment({ tracks }))[0]).toMatchObject({ url: "/media/r/screen-s/index.m3u8", sound: false });
    expect(keys({ tracks, time: 51 })).toEqual([]);
  });

  it("keep what runs live although its newest second is a moment behind", () => {
    const tracks = [...speaker, track("s", "screen", 20, 77)];
    expect(keys({ tracks, time: 99, live: true })).toEqual(["screen-s"]);
    expect(keys({ tracks, time: 99, live: false })).toEqual([]);
  });

  it("show whoever is on stage, beside the screen too", () => {
    const guest = [track("g", "microphone", 40, 20), track("g", "camera", 40, 20)];
    expect(keys({ tracks: [...speaker, ...guest] })).toEqual(["g:person"]);
    const shared = [...speaker, ...guest, track("s", "screen")];
    for (const live of [true, false]) expect(keys({ tracks: shared, live })).toEqual(["screen-s", "g:person"]);
    expect(keys({ tracks: [...speaker, ...guest], time: 70 })).toEqual([]);
  });

  it("leave nobody on stage unheard, and show as many faces as there are connections", () => {
    const stage = ["g", "h", "i", "j"].flatMap((who) => [track(who, "microphone"), track(who, "camera")]);
    const tracks = [...speaker, track("s", "screen"), ...stage];
    const spoken = (change: Partial<Moment>): string[] => picturesAt(moment({ tracks, ...change })).filter((each) => each.sound).map((each) => each.participant);
    for (const change of [{ live: true }, { live: true, quality: "sound" }, { live: true, quality: "slides" }, {}] as const) {
      expect(spoken(change)).toEqual(["g", "h", "i", "j"]);
    }
    expect(keys({ tracks, live: true })).toEqual(["screen-s", "g:voice", "h:voice", "i:voice", "j:voice"]);
    expect(keys({ tracks: [...speaker, ...stage.slice(0, 4)], live: true })).toEqual(["g:person", "h:voice"]);
    expect(keys({ tracks: [...speaker, ...stage.slice(0, 4)], live: true, roomy: true })).toEqual(["g:person", "h:person"]);
    expect(keys({ tracks: [...speaker, ...stage.slice(0, 4)] })).toEqual(["g:person", "h:person"]);
  });

  it("leave cameras out where data is dear, and everything where only sound is wanted", () => {
    const tracks = [...speaker, track("s", "screen"), track("g", "microphone"), track("g", "camera")];
    expect(keys({ tracks, quality: "slides" })).toEqual(["screen-s", "g:voice"]);
    expect(keys({ tracks, quality: "sound" })).toEqual(["g:voice"]);
  });
});

it("a playlist that was loaded before the camera came is loaded again, once", () => {
  expect(grown(speaker, new Set(["audio-s"]), "s")).toBe(true);
  expect(grown([...speaker, track("s", "screen"), track("g", "camera")], new Set(["cam-s", "audio-s"]), "s")).toBe(false);
});

it("a browser that plays by itself does not tell its tracks: the speaker's are not shown twice", () => {
  expect(keys({ main: new Set() })).toEqual([]);
});

describe("addresses", () => {
  it("name a track and find it again", () => {
    expect(trackOf(`http://host${trackUrl("r", "cam-s")}?x=1`)).toBe("cam-s");
    expect(aacOf(trackUrl("r", "audio-s"))).toBe(trackUrl("r", "aac-audio-s"));
    for (const other of [trackUrl("r", "cam-s"), trackUrl("r", "aac-audio-s"), "/media/r/index.m3u8"]) expect(aacOf(other)).toBe(other);
    expect(trackOf(aacOf(trackUrl("r", "audio-s")))).toBe("audio-s");
    expect(trackOf("/media/r/index.m3u8")).toBe("r");
    expect(trackOf("/media/r/aac-audio-s/index.m3u8")).toBe("audio-s");
  });

  it("of the voice are those of whoever leads", () => {
    const tracks = [track("g", "microphone"), ...speaker];
    expect(voiceOf(tracks, new Set(["cam-s", "audio-s"]), "")?.name).toBe("audio-s");
    expect(voiceOf(tracks, new Set(), "s")?.name).toBe("audio-s");
    expect(voiceOf([], new Set(), "s")).toBeNull();
  });
});
