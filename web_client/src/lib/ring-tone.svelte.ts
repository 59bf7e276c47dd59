/**
 * The sound of an incoming request. Browsers let a page sound only after a gesture, and slow down the timers of hidden tabs:
 * so the tone is one buffer that the audio thread repeats by itself until it is stopped.
 */

const RATE = 22_050;
/** One call: two notes twice, then quiet. Seconds. */
const CYCLE = 3;
const NOTES: readonly [start: number, hertz: number][] = [
  [0, 659.25],
  [0.22, 880],
  [0.62, 659.25],
  [0.84, 880],
];

let context: AudioContext | null = null;
let buffer: AudioBuffer | null = null;
let playing: AudioBufferSourceNode | null = null;
let ready = $state(false);
/** A ring is on while the page may not sound yet: it starts with the first gesture. */
let wanted = false;

/** The samples of one cycle, −1 to 1: soft bell-like notes, audible on a ward and not alarming. */
export function cycle(rate = RATE): Float32Array<ArrayBuffer> {
  const samples = new Float32Array(rate * CYCLE);
  for (const [start, hertz] of NOTES) {
    const length = Math.floor(rate * 0.9);
    const offset = Math.floor(start * rate);
    for (let i = 0; i < length && offset + i < samples.length; i += 1) {
      const at = i / rate;
      const envelope = Math.min(1, at / 0.008) * Math.exp(-at * 4.5);
      const wave = Math.sin(2 * Math.PI * hertz * at) + 0.35 * Math.sin(4 * Math.PI * hertz * at);
      samples[offset + i] = (samples[offset + i] ?? 0) + 0.32 * envelope * wave;
    }
  }
  return samples;
}

function prepare(): AudioContext {
  if (!context) {
    context = new AudioContext();
    context.onstatechange = () => {
      ready = context?.state === "running";
      if (ready && wanted) begin();
    };
  }
  if (!buffer) {
    buffer = context.createBuffer(1, RATE * CYCLE, RATE);
    buffer.copyToChannel(cycle(), 0);
  }
  return context;
}

function begin(): void {
  if (playing || !context || !buffer) return;
  playing = context.createBufferSource();
  playing.buffer = buffer;
  playing.loop = true;
  playing.connect(context.destination);
  playing.start();
}

export const ringTone = {
  /** Whether this tab may sound now. */
  get ready(): boolean {
    return ready;
  },
  /** Call in a click or key press. `audible` plays one soft note as proof. */
  unlock({ audible = false } = {}): void {
    const audio = prepare();
    void audio.resume().then(() => {
      ready = audio.state === "running";
      if (ready && wanted) begin();
    });
    const note = audio.createOscillator();
    const gain = audio.createGain();
    note.frequency.value = 880;
    gain.gain.setValueAtTime(audible ? 0.06 : 0.0001, audio.currentTime);
    gain.gain.exponentialRampToValueAtTime(0.0001, audio.currentTime + 0.4);
    note.connect(gain).connect(audio.destination);
    note.start();
    note.stop(audio.currentTime + 0.4);
  },
  /** One cycle of the ring, to hear what it is like. Call in a click. */
  sample(): void {
    const audio = prepare();
    void audio.resume();
    const once = audio.createBufferSource();
    once.buffer = buffer;
    once.connect(audio.destination);
    once.start();
  },
  /** Ring until {@link ringTone.stop}; where the page may not sound yet, from the first gesture on. */
  start(): void {
    wanted = true;
    const audio = prepare();
    if (audio.state === "running") begin();
    else void audio.resume();
  },
  stop(): void {
    wanted = false;
    playing?.stop();
    playing = null;
  },
};
