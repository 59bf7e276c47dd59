/** Where each recording was left, in this browser. */

const STORED = "tele.replay";
const LIMIT = 60;

type Places = Record<string, number>;

function read(): Places {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(STORED) ?? "{}");
    return typeof stored === "object" && stored !== null ? (stored as Places) : {};
  } catch {
    return {}; // unreadable or forbidden: every recording begins at its start
  }
}

export function placeIn(recording: string): number | undefined {
  const place = read()[recording];
  return typeof place === "number" && Number.isFinite(place) ? place : undefined;
}

/** Remember the second; the oldest entries go when there are too many. */
export function remember(recording: string, time: number): void {
  const { [recording]: _, ...others } = read();
  const kept = Object.entries(others).slice(-(LIMIT - 1));
  try {
    localStorage.setItem(STORED, JSON.stringify({ ...Object.fromEntries(kept), [recording]: Math.round(time * 10) / 10 }));
  } catch {
    // Storage is full or forbidden: nothing is lost but the place.
  }
}
