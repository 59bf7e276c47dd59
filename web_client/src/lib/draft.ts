/** Half-written work, kept on this device per person until it is sent or they sign out. */

const PREFIX = "tele.draft.";
/** A draft older than this is nobody's work any more, and a patient's data on a disk. */
const LIFETIME_MS = 7 * 24 * 3600 * 1000;

interface Kept<T> {
  at: number;
  value: T;
}

function place(person: string, name: string): string {
  return `${PREFIX}${person}.${name}`;
}

/** The draft, or null when there is none (or it is too old, or unreadable). */
export function readDraft<T>(person: string, name: string, now = Date.now()): T | null {
  const key = place(person, name);
  try {
    const raw = localStorage.getItem(key);
    if (raw === null) return null;
    const kept = JSON.parse(raw) as Kept<T>;
    if (now - kept.at < LIFETIME_MS) return kept.value;
  } catch {
    // Unreadable is as good as absent: removed below.
  }
  localStorage.removeItem(key);
  return null;
}

/** Keep the draft; false when this device has no room for it. */
export function keepDraft<T>(person: string, name: string, value: T, now = Date.now()): boolean {
  try {
    localStorage.setItem(place(person, name), JSON.stringify({ at: now, value } satisfies Kept<T>));
    return true;
  } catch {
    return false;
  }
}

export function dropDraft(person: string, name: string): void {
  localStorage.removeItem(place(person, name));
}

/** Remove the drafts on this device, as at sign-out; with `except`, those of everybody else. */
export function clearDrafts(except?: string): void {
  const keys = Array.from({ length: localStorage.length }, (_, index) => localStorage.key(index) ?? "");
  for (const key of keys) if (key.startsWith(PREFIX) && !(except && key.startsWith(`${PREFIX}${except}.`))) localStorage.removeItem(key);
}
