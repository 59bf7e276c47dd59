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
  let last: VideoFrame | null = null;
  let lastAt = 0;
  const timer = setInterval(() => {
    const silence = performance.now() - lastAt;
    if (!last || silence < every * 0.9) return;
    // Microseconds: a repeated frame must be later than the one before it.
    void writer.write(new VideoFrame(last, { timestamp: last.timestamp + Math.round(silence * 1000) })).catch(() => clearInterval(timer));
  }, every);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      last?.close();
      last = value.clone();
      lastAt = performance.now();
      await writer.write(value);
    }
  } finally {
    clearInterval(timer);
    last?.close();
    await writer.close().catch(() => undefined);
  }
}

addEventListener("message", (event: MessageEvent<Order>) => {
  void run(event.data).catch(() => close());
});
