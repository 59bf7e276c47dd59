/** Cameras, microphones and loudspeakers: which there are, which was chosen, and what to do when one does not open. */

export type Facing = "user" | "environment";

/** What this browser remembers; ids are of this origin and mean nothing elsewhere. */
export interface DeviceChoice {
  microphone?: string;
  camera?: string;
  speaker?: string;
  facing?: Facing;
  /** The check was done once: it is skipped from then on. */
  checked?: boolean;
}

export interface Device {
  id: string;
  label: string;
}
export interface DeviceList {
  microphones: Device[];
  cameras: Device[];
  speakers: Device[];
}

/** `blocked`: the person or a policy said no. `system`: the operating system did. `insecure`: the page has no HTTPS. */
export type DeviceProblem = "blocked" | "system" | "missing" | "busy" | "insecure" | "failed";
export type Browser = "chrome" | "android" | "firefox" | "safari" | "ios" | "wechat" | "other";

/** What opened, and for each part that did not, why. */
export interface Opened {
  microphone: MediaStreamTrack | null;
  camera: MediaStreamTrack | null;
  microphoneProblem: DeviceProblem | null;
  cameraProblem: DeviceProblem | null;
}

const STORED = "tele.devices";

export function loadChoice(): DeviceChoice {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(STORED) ?? "{}");
    return typeof stored === "object" && stored !== null ? (stored as DeviceChoice) : {};
  } catch {
    return {}; // unreadable or forbidden storage: nothing is remembered, everything works
  }
}

/** Remember these parts of the choice beside what is remembered already. */
export function saveChoice(change: DeviceChoice): DeviceChoice {
  const choice = { ...loadChoice(), ...change };
  try {
    localStorage.setItem(STORED, JSON.stringify(choice));
  } catch {
    // Storage is full or forbidden: the choice holds for this page alone.
  }
  return choice;
}

/** The cause in a word, from what `getUserMedia` rejects with (Media Capture and Streams §10.2). */
export function problemOf(error: unknown): DeviceProblem {
  const { name = "", message = "" } = error instanceof Error ? error : {};
  if (name === "NotAllowedError") return /system/i.test(message) ? "system" : "blocked";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "missing";
  if (name === "NotReadableError" || name === "AbortError") return "busy";
  if (name === "SecurityError") return "insecure";
  return "failed";
}

/** Which browser this is, as far as the way to its permission switch differs. */
export function browserOf(agent: string, touchPoints: number): Browser {
  if (/MicroMessenger/i.test(agent)) return "wechat";
  if (/iPhone|iPad|iPod/.test(agent) || (/Macintosh/.test(agent) && touchPoints > 1)) return "ios";
  if (/Firefox\//.test(agent)) return "firefox";
  if (/Android/.test(agent)) return "android";
  if (/Chrome\//.test(agent)) return "chrome";
  if (/Safari\//.test(agent)) return "safari";
  return "other";
}

export function audioConstraints(id?: string): MediaTrackConstraints {
  return {
    echoCancellation: true,
    noiseSuppression: true,
    autoGainControl: true,
    ...(id ? { deviceId: { ideal: id } } : {}),
  };
}

/** 720p where the camera has it; a phone's side is asked for by name, a desk camera by id. */
export function videoConstraints(choice: DeviceChoice): MediaTrackConstraints {
  return {
    width: { ideal: 1280 },
    height: { ideal: 720 },
    frameRate: { ideal: 30, max: 30 },
    ...(choice.facing
      ? { facingMode: { ideal: choice.facing } }
      : choice.camera
        ? { deviceId: { ideal: choice.camera } }
        : {}),
  };
}

/** Open both with one question to the person; when that fails, each alone, so that one broken part does not cost the other. */
export async function open(choice: DeviceChoice, wanted = { microphone: true, camera: true }): Promise<Opened> {
  const opened: Opened = { microphone: null, camera: null, microphoneProblem: null, cameraProblem: null };
  if (!navigator.mediaDevices?.getUserMedia) {
    return { ...opened, microphoneProblem: "insecure", cameraProblem: "insecure" };
  }
  if (wanted.microphone && wanted.camera) {
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        audio: audioConstraints(choice.microphone),
        video: videoConstraints(choice),
      });
      opened.microphone = stream.getAudioTracks()[0] ?? null;
      opened.camera = stream.getVideoTracks()[0] ?? null;
      return opened;
    } catch (error) {
      if (problemOf(error) === "insecure") return { ...opened, microphoneProblem: "insecure", cameraProblem: "insecure" };
    }
  }
  if (wanted.microphone) {
    try {
      opened.microphone = await openMicrophone(choice.microphone);
    } catch (error) {
      opened.microphoneProblem = problemOf(error);
    }
  }
  if (wanted.camera) {
    try {
      opened.camera = await openCamera(choice);
    } catch (error) {
      opened.cameraProblem = problemOf(error);
    }
  }
  return opened;
}

export async function openMicrophone(id?: string): Promise<MediaStreamTrack> {
  return only(await media().getUserMedia({ audio: audioConstraints(id) }));
}

export async function openCamera(choice: DeviceChoice): Promise<MediaStreamTrack> {
  return only(await media().getUserMedia({ video: videoConstraints(choice) }));
}

/** The devices there are. Labels are empty until something has been allowed once. */
export async function listDevices(): Promise<DeviceList> {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  const pick = (kind: MediaDeviceKind): Device[] =>
    all.filter((each) => each.kind === kind && each.deviceId).map((each) => ({ id: each.deviceId, label: each.label }));
  return { microphones: pick("audioinput"), cameras: pick("videoinput"), speakers: pick("audiooutput") };
}

/** Called when something is plugged in or out; returns the way to stop. */
export function onDevicesChanged(handler: () => void): () => void {
  navigator.mediaDevices?.addEventListener?.("devicechange", handler);
  return () => navigator.mediaDevices?.removeEventListener?.("devicechange", handler);
}

/** Whether a track looks outwards, as a phone's rear camera does: then the self-view must not be mirrored. */
export function facesOutwards(track: MediaStreamTrack | null): boolean {
  return track?.getSettings().facingMode === "environment";
}

function media(): MediaDevices {
  if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("no camera or microphone without HTTPS", "SecurityError");
  return navigator.mediaDevices;
}

function only(stream: MediaStream): MediaStreamTrack {
  const track = stream.getTracks()[0];
  if (!track) throw new DOMException("an empty stream", "NotFoundError");
  return track;
}
