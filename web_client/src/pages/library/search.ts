/** A search that forgives: case, accents, word order and one wrong letter. */

/** Lower case, without accents, full-width forms as plain ones. */
export function plain(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

/** Whether two words differ by at most one letter added, left out, or exchanged. */
export function close(a: string, b: string): boolean {
  if (a === b) return true;
  if (Math.abs(a.length - b.length) > 1) return false;
  let i = 0;
  while (i < a.length && a[i] === b[i]) i += 1;
  if (a.length === b.length) {
    // One exchanged letter, or two neighbours swapped.
    if (a.slice(i + 1) === b.slice(i + 1)) return true;
    return a[i] === b[i + 1] && a[i + 1] === b[i] && a.slice(i + 2) === b.slice(i + 2);
  }
  const [long, short] = a.length > b.length ? [a, b] : [b, a];
  return long.slice(i + 1) === short.slice(i);
}

function has(text: string, word: string): boolean {
  if (text.includes(word)) return true;
  if (word.length < 4) return false;
  return text.split(/[^\p{L}\p{N}]+/u).some((each) => close(each.slice(0, word.length), word) || close(each, word));
}

/** The items whose title holds every word, in their order. */
export function search<T extends { title: string }>(items: readonly T[], words: string): T[] {
  const wanted = plain(words).split(/\s+/).filter(Boolean);
  return items.filter((each) => {
    const text = plain(each.title);
    return wanted.every((word) => has(text, word));
  });
}
