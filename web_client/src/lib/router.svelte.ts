/** Where the reader is: a small history router. */

let path = $state(location.pathname);
let query = $state(new URLSearchParams(location.search));

function read(): void {
  path = location.pathname;
  query = new URLSearchParams(location.search);
}

addEventListener("popstate", read);

export const here = {
  get path(): string {
    return path;
  },
  get query(): URLSearchParams {
    return query;
  },
};

/** Go to another page of the client. `replace` leaves no step to come back to. */
export function navigate(to: string, { replace = false }: { replace?: boolean } = {}): void {
  if (to === location.pathname + location.search) return;
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  read();
}

/** Let plain links to our own pages change the page without loading it anew. Attach to the document's clicks. */
export function followLinks(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const anchor = (event.target as Element | null)?.closest?.("a[href]");
  if (!(anchor instanceof HTMLAnchorElement)) return;
  if (anchor.target || anchor.hasAttribute("download") || anchor.origin !== location.origin) return;
  if (/^\/(api|media|socket\.io)\//.test(anchor.pathname) || (anchor.hash && anchor.pathname === location.pathname)) return;
  event.preventDefault();
  navigate(anchor.pathname + anchor.search);
}

/** Match `/cases/:id` against a path; the parameters, or null. */
export function match(pattern: string, actual: string): Record<string, string> | null {
  const wanted = pattern.split("/");
  const given = actual.replace(/\/+$/, "").split("/");
  if (pattern === "/") return given.length === 1 ? {} : null;
  if (wanted.length !== given.length) return null;
  const found: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? "";
    if (part.startsWith(":")) {
      if (!value) return null;
      try {
        found[part.slice(1)] = decodeURIComponent(value);
      } catch {
        return null; // a stray percent sign names no page of ours
      }
    } else if (part !== value) return null;
  }
  return found;
}
