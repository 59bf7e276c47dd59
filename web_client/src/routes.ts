/** Every page of the client: its address, its words, and how to fetch its code. */
import type { Component } from "svelte";
import type { Area } from "./lib/i18n.svelte";
import { match } from "./lib/router.svelte";
import type { Role } from "./lib/types";

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- pages take their own address parameters as props
type PageComponent = Component<any>;

export interface Route {
  pattern: string;
  /** Catalogues the page needs beside `common`. */
  areas: Area[];
  /** Who may open it; everyone signed in when absent. The server decides: this only spares a useless page. */
  roles?: Role[];
  /** Without header and navigation. */
  bare?: boolean;
  load: () => Promise<{ default: PageComponent }>;
}

const routes: Route[] = [
  { pattern: "/", areas: ["home"], load: () => import("./pages/home/Home.svelte") },
  { pattern: "/ask", areas: ["ask"], roles: ["gp"], load: () => import("./pages/ask/Ask.svelte") },
  { pattern: "/cases", areas: ["home"], roles: ["gp", "specialist"], load: () => import("./pages/home/Cases.svelte") },
  { pattern: "/cases/:id", areas: ["case", "opinion", "room", "replay"], load: () => import("./pages/case/CasePage.svelte") },
  { pattern: "/room/:room", areas: ["room", "case"], bare: true, load: () => import("./pages/RoomPage.svelte") },
  { pattern: "/devices", areas: ["room", "home"], load: () => import("./pages/Devices.svelte") },
  { pattern: "/queue", areas: ["coordinate"], roles: ["coordinator"], load: () => import("./pages/coordinate/Queue.svelte") },
  { pattern: "/roster", areas: ["coordinate"], roles: ["coordinator"], load: () => import("./pages/coordinate/Roster.svelte") },
  { pattern: "/library", areas: ["library"], load: () => import("./pages/library/Library.svelte") },
  { pattern: "/library/:recording", areas: ["library", "replay"], load: () => import("./pages/library/ReplayPage.svelte") },
];

const missing: Route = { pattern: "*", areas: [], load: () => import("./pages/NotFound.svelte") };

/** The page for a path, with the parameters in it; the not-found page when there is none for this person. */
export function find(path: string, roles: readonly Role[]): { route: Route; parameters: Record<string, string> } {
  for (const route of routes) {
    const parameters = match(route.pattern, path);
    if (parameters && (!route.roles || route.roles.some((role) => roles.includes(role)))) return { route, parameters };
  }
  return { route: missing, parameters: {} };
}
