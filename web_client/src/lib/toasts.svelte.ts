/** Short notices at the edge of the page. */
import { problemText } from "./problems";

export interface Toast {
  id: number;
  tone: "plain" | "good" | "danger";
  text: string;
  /** A way to undo, or to go where the notice points. */
  action?: { label: string; run: () => void };
}

const LIMIT = 4;
let next = 1;
let items = $state.raw<Toast[]>([]);

export const toasts = {
  get items(): Toast[] {
    return items;
  },
};

export function dismiss(id: number): void {
  items = items.filter((each) => each.id !== id);
}

/** Show a notice for a while; errors stay longer, so that they can be read. */
export function say(text: string, tone: Toast["tone"] = "plain", action?: Toast["action"]): void {
  const id = next;
  next += 1;
  items = [...items.filter((each) => each.text !== text).slice(-(LIMIT - 1)), { id, tone, text, action }];
  setTimeout(() => dismiss(id), tone === "danger" || action ? 9_000 : 5_000);
}

/** Say what went wrong. */
export function complain(error: unknown): void {
  say(problemText(error), "danger");
}
