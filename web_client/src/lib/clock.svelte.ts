/** The time as pages that count seconds see it. One timer, running while somebody looks. */
import { createSubscriber } from "svelte/reactivity";
import { live } from "./live.svelte";

const subscribe = createSubscriber((update) => {
  const timer = setInterval(update, 1_000);
  return () => clearInterval(timer);
});

/** The server's clock in ms; what reads it in a template or an effect is run again each second. */
export function now(): number {
  subscribe();
  return live.now;
}

/** Whole seconds since a moment, never negative. */
export function since(iso: string): number {
  return Math.max(0, Math.floor((now() - Date.parse(iso)) / 1000));
}

/** Whole seconds until a moment, never negative. */
export function until(iso: string): number {
  return Math.max(0, Math.ceil((Date.parse(iso) - now()) / 1000));
}
