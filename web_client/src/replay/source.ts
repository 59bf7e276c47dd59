/** Feeds one video element from an HLS playlist, with hls.js or by the browser itself. */
import type HlsClass from "hls.js";
import { lazy } from "../lib/lazy";

export interface Source {
  close(): void;
}

type Hls = typeof HlsClass;
let library: Promise<Hls> | null = null;

/** hls.js is large: it is fetched once, when the first recording is opened. */
export function loadHls(): Promise<Hls> {
  library ??= import("hls.js").then(
    (module) => module.default,
    (error: unknown) => {
      library = null;
      throw error;
    },
  );
  return library;
}

/**
 * Leave out the variants whose sound is AAC, where the same are there with Opus and can be played: they are for browsers that
 * know no Opus, and the server makes them only for who asks.
 */
export function takeOpus(hls: HlsClass): void {
  const spare = hls.levels.map((level) => level.audioCodec?.startsWith("mp4a") ?? false);
  if (!spare.includes(false)) return;
  for (let index = spare.length - 1; index >= 0; index -= 1) if (spare[index]) hls.removeLevel(index);
}

/** Attempts at a playlist that is not there yet. */
const PATIENCE = 40;

/** Begin at `start` seconds. `onfail` is called once when nothing helps any more. */
export async function feed(video: HTMLVideoElement, playlist: string, start: number, onfail: (error: Error) => void): Promise<Source> {
  const Hls = await lazy(loadHls);
  if (!Hls.isSupported()) {
    if (!video.canPlayType("application/vnd.apple.mpegurl")) {
      onfail(new Error("this browser plays no HLS"));
      return { close: () => undefined };
    }
    video.src = playlist;
    video.addEventListener("loadedmetadata", () => (video.currentTime = start), { once: true });
    video.addEventListener("error", () => onfail(new Error(video.error?.message ?? "media error")), { once: true });
    return { close: () => video.removeAttribute("src") };
  }
  const hls = new Hls({
    startPosition: start,
    // The segments need no transmuxing: a worker would only delay the first picture.
    enableWorker: false,
    maxBufferLength: 30,
    maxMaxBufferLength: 90,
    backBufferLength: 60,
    capLevelToPlayerSize: true,
    abrEwmaDefaultEstimate: 5_000_000,
    testBandwidth: false, // the first picture is a sharp one
    // No startFragPrefetch: with separate sound it never starts beyond a discontinuity.
  });
  hls.on(Hls.Events.MANIFEST_PARSED, () => takeOpus(hls));
  let tries = 0;
  let mended = false;
  hls.on(Hls.Events.ERROR, (_, data) => {
    if (!data.fatal) return;
    if (data.type === Hls.ErrorTypes.NETWORK_ERROR && tries < PATIENCE) {
      tries += 1;
      const manifest = data.details.startsWith("manifest");
      setTimeout(() => (manifest ? hls.loadSource(playlist) : hls.startLoad()), Math.min(150 * tries, 3_000));
    } else if (data.type === Hls.ErrorTypes.MEDIA_ERROR && !mended) {
      mended = true;
      hls.recoverMediaError();
    } else {
      hls.destroy();
      onfail(data.error ?? new Error(data.details));
    }
  });
  hls.attachMedia(video);
  hls.loadSource(playlist);
  return { close: () => hls.destroy() };
}
