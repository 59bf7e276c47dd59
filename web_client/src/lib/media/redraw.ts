/** Keeps a shared screen alive while nothing moves on it: browsers send almost nothing then, and no keyframe when asked. */

/** Chromium's insertable streams (mediacapture-transform), as far as they are used here. */
interface TrackProcessor {
  readable: ReadableStream<VideoFrame>;
}
interface TrackGenerator extends MediaStreamTrack {
  writable: WritableStream<VideoFrame>;
}
interface InsertableStreams {
  MediaStreamTrackProcessor?: new (init: { track: MediaStreamTrack; maxBufferSize?: number }) => TrackProcessor;
  MediaStreamTrackGenerator?: new (init: { kind: "video" }) => TrackGenerator;
}

/**
 * A track that shows what `screen` shows and repeats its last frame, so that it has at least `rate` frames a second. It ends
 * with `screen`. Browsers without insertable streams keep a steady pace by themselves: they get `screen` back.
 */
export function steady(screen: MediaStreamTrack, rate: number): MediaStreamTrack {
  const { MediaStreamTrackProcessor, MediaStreamTrackGenerator } = globalThis as unknown as InsertableStreams;
  if (!MediaStreamTrackProcessor || !MediaStreamTrackGenerator || typeof Worker === "undefined") return screen;
  const generator = new MediaStreamTrackGenerator({ kind: "video" });
  const { readable } = new MediaStreamTrackProcessor({ track: screen, maxBufferSize: 2 });
  // A worker's timers are not slowed down while the page is hidden, and it is hidden when another window is shared.
  const worker = new Worker(new URL("./redraw.worker.ts", import.meta.url), { type: "module" });
  worker.postMessage({ readable, writable: generator.writable, every: 1000 / rate }, [
    readable as unknown as Transferable,
    generator.writable as unknown as Transferable,
  ]);
  screen.addEventListener("ended", () => {
    generator.stop();
    worker.terminate();
  });
  generator.contentHint = "detail";
  return generator;
}
