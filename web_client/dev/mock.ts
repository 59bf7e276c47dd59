/** Placeholder of the mock server. */
import type { Plugin } from "vite";
export function mock(): Plugin {
  return { name: "mock-server" };
}
