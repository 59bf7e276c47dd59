/** The worker of redraw.ts: passes frames on and repeats the last one when none comes. */

interface Order {
  readable: ReadableStream<VideoFrame>;
  writable: WritableStream<VideoFrame>;
  /** Milliseconds without a frame after which the last one is sent again. */
  every: number;
}

async function run({ readable, writable, every }: Order): Promise<void> {
  const reader = readable.getReader();
  const writer = writable.getWriter();
  let last: OffscreenCanvas | null = null;
  let sentAt = 0;
  // Drawn anew, and not copied: a copy keeps the moment at which the picture was captured, whatever timestamp it is given.
  // An encoder goes by that, and sends repeated pictures in bursts with gaps between them.
  const send = (picture: OffscreenCanvas): Promise<void> => {
    sentAt = performance.now();
    return writer.write(new VideoFrame(picture, { timestamp: Math.round(sentAt * 1000), alpha: "discard" }));
  };
  const timer = setInterval(() => {
    if (last && performance.now() - sentAt >= every * 0.9) void send(last).catch(() => clearInterval(timer));
  }, every);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      last = drawn(value, last);
      value.close();
      await send(last);
    }
  } finally {
    clearInterval(timer);
    await writer.close().catch(() => undefined);
  }
}

/** The picture on a canvas of its size: the one before, where that fits. */
function drawn(frame: VideoFrame, before: OffscreenCanvas | null): OffscreenCanvas {
  const { displayWidth: width, displayHeight: height } = frame;
  const canvas = before?.width === width && before.height === height ? before : new OffscreenCanvas(width, height);
  canvas.getContext("2d", { alpha: false })?.drawImage(frame, 0, 0, width, height);
  return canvas;
}

addEventListener("message", (event: MessageEvent<Order>) => {
  void run(event.data).catch(() => close());
});
