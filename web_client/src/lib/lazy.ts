/** Code that is fetched when it is needed: over a line that breaks, and from a server that was updated meanwhile. */

const RELOADED = "tele.reloaded-for-code";
/** Reloading helps once or not at all. */
const RELOAD_PAUSE = 30_000;
const ASK_AGAIN = 1_000;

/**
 * Browsers remember that a module could not be fetched and do not ask for it again. So wait until the server answers, try
 * once more, and then load the page anew: it opens where it was, and what was typed is kept. Never returns in that case.
 */
export async function lazy<M>(load: () => Promise<M>): Promise<M> {
  try {
    return await load();
  } catch (error) {
    while (!(await answers())) await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN));
    const last = Number(sessionStorage.getItem(RELOADED) ?? 0);
    if (Date.now() - last < RELOAD_PAUSE) throw error;
    sessionStorage.setItem(RELOADED, String(Date.now()));
    location.reload();
    return new Promise<M>(() => undefined);
  }
}

async function answers(): Promise<boolean> {
  try {
    return (await fetch("/healthz", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}
