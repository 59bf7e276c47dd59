/** Sound that the page itself makes or measures: a microphone's level, and a chime to try the loudspeaker. */

/** Calls back about 15 times a second with the loudness from 0 to 1; returns the way to stop. */
export function watchLevel(track: MediaStreamTrack, handler: (level: number) => void): () => void {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let shown = 0;
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    const level = loudness(samples);
    // Rises at once, falls slowly: so a meter is read.
    shown = Math.max(level, shown * 0.8);
    handler(shown);
  }, 66);
  void context.resume().catch(() => undefined);
  return () => {
    clearInterval(timer);
    void context.close();
  };
}

/** Root mean square on a scale on which quiet speech is about a third and loud speech is full. */
export function loudness(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const decibels = 10 * Math.log10(sum / Math.max(1, samples.length) + 1e-10);
  return Math.min(1, Math.max(0, (decibels + 60) / 50));
}

/** Two soft tones on the chosen loudspeaker. Resolves when they have sounded. */
export async function playChime(speaker?: string): Promise<void> {
  const context = new AudioContext();
  try {
    if (speaker && "setSinkId" in context) {
      await (context as AudioContext & { setSinkId(id: string): Promise<void> }).setSinkId(speaker);
    }
    await context.resume();
    for (const [index, frequency] of [523.25, 659.25].entries()) {
      const start = context.currentTime + index * 0.28;
      const tone = context.createOscillator();
      const gain = context.createGain();
      tone.frequency.value = frequency;
      gain.gain.setValueAtTime(0, start);
      gain.gain.linearRampToValueAtTime(0.22, start + 0.03);
      gain.gain.exponentialRampToValueAtTime(0.001, start + 0.6);
      tone.connect(gain).connect(context.destination);
      tone.start(start);
      tone.stop(start + 0.65);
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  } finally {
    await context.close();
  }
}
