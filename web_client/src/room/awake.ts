/** Keeps the screen from falling asleep during a call. */

/** Holds a wake lock while the page is seen; returns the way to let go. Browsers without one sleep as they are set to. */
export function stayAwake(): () => void {
  let lock: WakeLockSentinel | null = null;
  let wanted = true;
  const hold = async (): Promise<void> => {
    if (!wanted || document.visibilityState !== "visible" || !("wakeLock" in navigator)) return;
    try {
      lock = await navigator.wakeLock.request("screen");
      if (!wanted) await lock.release();
    } catch (error) {
      console.info("the screen may fall asleep:", error); // a phone that saves power refuses
    }
  };
  // The browser lets go when the page is hidden: ask again when it is back.
  const seen = (): void => void hold();
  document.addEventListener("visibilitychange", seen);
  void hold();
  return () => {
    wanted = false;
    document.removeEventListener("visibilitychange", seen);
    void lock?.release();
  };
}
