/** Whether many playlists can be waited for at a time: over HTTP/1.1 each holds one of six connections, over HTTP/2 none does. */

/** As the page itself, or what it fetched last, came; where a browser does not tell, it is taken to be HTTP/1.1. */
export function roomy(): boolean {
  const entries = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource").slice(-5)];
  return entries.some((entry) => /^h[23]/.test((entry as PerformanceResourceTiming).nextHopProtocol));
}
