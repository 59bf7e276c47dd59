/** Which quality of a lecture this browser's viewer chose last. */
import type { Quality } from "../../lib/lecture-player";

const STORED = "tele.lecture.quality";

export function keptQuality(): Quality {
  try {
    const stored = localStorage.getItem(STORED) as Quality | null;
    if (stored === "low" || stored === "slides" || stored === "sound") return stored;
  } catch {
    // Without storage every page begins with the automatic choice.
  }
  return "auto";
}

export function keepQuality(quality: Quality): void {
  try {
    localStorage.setItem(STORED, quality);
  } catch {
    // The choice holds for this page alone.
  }
}
