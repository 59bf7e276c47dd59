/** Every page of the client: its address, who may open it, and how to fetch its code. */
import type { Component } from "svelte";
import { match } from "./lib/router.svelte";
import type { Role } from "./lib/types";

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- pages take their own address parameters as props
type PageComponent = Component<any>;

export interface Route {
  pattern: string;
  /** Who may open it; everyone signed in when absent. The server decides: this only spares a useless page. */
  roles?: Role[];
  /** Without header and navigation. */
  bare?: boolean;
  load: () => Promise<{ default: PageComponent }>;
}

const routes: Route[] = [
  { pattern: "/", load: () => import("./pages/home/Home.svelte") },
  { pattern: "/ask", roles: ["gp"], load: () => import("./pages/ask/Ask.svelte") },
  { pattern: "/cases", roles: ["gp", "specialist", "learner"], load: () => import("./pages/home/Cases.svelte") },
  { pattern: "/cases/:id", load: () => import("./pages/case/CasePage.svelte") },
  { pattern: "/room/:room", bare: true, load: () => import("./pages/RoomPage.svelte") },
  { pattern: "/devices", load: () => import("./pages/Devices.svelte") },
  { pattern: "/queue", roles: ["coordinator"], load: () => import("./pages/coordinate/Queue.svelte") },
  { pattern: "/roster", roles: ["coordinator"], load: () => import("./pages/coordinate/Roster.svelte") },
  { pattern: "/library", load: () => import("./pages/library/Library.svelte") },
  { pattern: "/library/:recording", load: () => import("./pages/library/ReplayPage.svelte") },
  { pattern: "/lectures", load: () => import("./pages/Lectures.svelte") },
  { pattern: "/lectures/:lecture", load: () => import("./pages/LecturesWatch.svelte") },
  { pattern: "/lectures/:lecture/present", bare: true, load: () => import("./pages/LecturesPresent.svelte") },
  { pattern: "/check-in/:lecture/:code", load: () => import("./pages/LecturesCheckIn.svelte") },
];

const missing: Route = { pattern: "*", load: () => import("./pages/NotFound.svelte") };

/** The page for a path, with the parameters in it; the not-found page when there is none for this person. */
export function find(path: string, roles: readonly Role[]): { route: Route; parameters: Record<string, string> } {
  for (const route of routes) {
    const parameters = match(route.pattern, path);
    if (parameters && (!route.roles || route.roles.some((role) => roles.includes(role)))) return { route, parameters };
  }
  return { route: missing, parameters: {} };
}
