/** What a specialist does with a ring, and what follows. */
import { api, ApiError } from "../../lib/api";
import { t } from "../../lib/i18n.svelte";
import { endRing, goToRoom } from "../../lib/live.svelte";
import { here, navigate } from "../../lib/router.svelte";
import { complain, say } from "../../lib/toasts.svelte";
import type { Case, Ring } from "../../lib/types";

export type Answer = "accept" | "decline" | "snooze" | "ask-more" | "answer-in-writing";

export class Answering {
  /** The answer that is on its way. */
  busy = $state<Answer | "">("");

  /** Give an answer once; the ring goes, unless the line failed. */
  async give(ring: Ring, answer: Answer, body: Record<string, string> = {}): Promise<void> {
    if (this.busy) return;
    this.busy = answer;
    try {
      const view = await api.post<Case>(`/api/consultations/${ring.consultation}/${answer}`, body);
      endRing(ring.page, "accepted", null);
      if (answer === "accept" && view.encounter) await goToRoom(view.encounter.room);
      else if (answer === "accept" || answer === "answer-in-writing") navigate(`/cases/${ring.consultation}`);
      else {
        say(t(`ring:done.${answer}`), "good");
        if (here.path === `/cases/${ring.consultation}`) navigate("/");
      }
    } catch (error) {
      const gone = error instanceof ApiError && (error.status === 409 || error.status === 404);
      if (gone) endRing(ring.page, "accepted", null);
      complain(gone && error.status === 404 ? new ApiError("not-yours", 404) : error);
    } finally {
      this.busy = "";
    }
  }
}
