/** The client's first file: chooses the language, then mounts the application. */
import "./app.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { preferred, setLanguage } from "./lib/i18n.svelte";
import { resume } from "./lib/session.svelte";

const target = document.getElementById("app");
if (!target) throw new Error("index.html has no #app");
void resume(); // asked for while the words are on their way
await setLanguage(preferred());
mount(App, { target });

// The client works without it too: a browser that forbids it (a private window, say) loses the offline page alone.
if (import.meta.env.PROD && "serviceWorker" in navigator) {
  setTimeout(() => void navigator.serviceWorker.register("/sw.js").catch(() => undefined), 5_000);
}
