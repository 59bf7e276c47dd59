/** Ways to be noticed by somebody who looks elsewhere. Each returns the way to stop. */

const nothing = (): void => undefined;

/** Let the tab's title alternate with the message. Hidden tabs still get one tick a second. */
export function blinkTitle(message: string): () => void {
  const before = document.title;
  let on = false;
  const timer = setInterval(() => {
    on = !on;
    document.title = on ? message : before;
  }, 1_000);
  document.title = message;
  return () => {
    clearInterval(timer);
    document.title = before;
  };
}

/** A notification of the system while the page is hidden. It names no patient and no question: others see the screen too. */
export function notify(title: string, text: string, tag: string): () => void {
  if (typeof Notification === "undefined" || Notification.permission !== "granted" || !document.hidden) return nothing;
  try {
    const shown = new Notification(title, { body: text, tag, icon: "/favicon.svg", requireInteraction: true });
    shown.onclick = () => {
      window.focus();
      shown.close();
    };
    return () => shown.close();
  } catch {
    return notifyFromWorker(title, text, tag); // Chrome on Android lets only service workers notify
  }
}

function notifyFromWorker(title: string, text: string, tag: string): () => void {
  const worker = navigator.serviceWorker?.getRegistration();
  void worker?.then((each) => each?.showNotification(title, { body: text, tag, icon: "/favicon.svg", requireInteraction: true }));
  return () => void worker?.then(async (each) => (await each?.getNotifications({ tag }))?.forEach((shown) => shown.close()));
}

export function vibrate(): () => void {
  if (!("vibrate" in navigator)) return nothing;
  const pulse = (): boolean => navigator.vibrate([400, 200, 400]);
  pulse();
  const timer = setInterval(pulse, 3_000);
  return () => {
    clearInterval(timer);
    navigator.vibrate(0);
  };
}

/** Browsers do not freeze a hidden page that holds a lock. */
export function keepAlive(): () => void {
  let release = nothing;
  const held = new Promise<void>((resolve) => (release = resolve));
  void navigator.locks?.request("tele.on-call", { mode: "shared" }, () => held);
  return () => release();
}
