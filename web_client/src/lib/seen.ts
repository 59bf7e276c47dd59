/** Which answers this person has opened on this device, so that new ones can be pointed out. */

const LIMIT = 200;
const place = (person: string): string => `tele.draft.${person}.seen`; // goes with the drafts at sign-out

function read(person: string): string[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(place(person)) ?? "[]");
    return Array.isArray(kept) ? (kept as string[]) : [];
  } catch {
    return [];
  }
}

export function wasSeen(person: string, id: string): boolean {
  return read(person).includes(id);
}

export function markSeen(person: string, id: string): void {
  const kept = read(person);
  if (kept.includes(id)) return;
  try {
    localStorage.setItem(place(person), JSON.stringify([...kept, id].slice(-LIMIT)));
  } catch {
    // A full disk costs only the mark.
  }
}
