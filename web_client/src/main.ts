/** The client's first file: chooses the language, then mounts the application. */
import "./app.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { preferred, setLanguage } from "./lib/i18n.svelte";

const target = document.getElementById("app");
if (!target) throw new Error("index.html has no #app");
await setLanguage(preferred());
mount(App, { target });
