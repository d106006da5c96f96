/** What a client wants to hear of the page it lives in. */
export interface BrowserEvents {
  online(): void;
  offline(): void;
  visible(): void;
  /** The page may be gone after this. */
  leaving(): void;
}

/** Listens, where there is a page; returns what ends it. */
export function watchBrowser(events: BrowserEvents): () => void {
  if (typeof window === "undefined" || typeof document === "undefined") return () => undefined;
  const shown = () => {
    if (document.visibilityState === "visible") events.visible();
    else events.leaving();
  };
  const ending = new AbortController();
  const { signal } = ending;
  window.addEventListener("online", () => events.online(), { signal });
  window.addEventListener("offline", () => events.offline(), { signal });
  window.addEventListener("pagehide", () => events.leaving(), { signal });
  document.addEventListener("visibilitychange", shown, { signal });
  return () => ending.abort();
}
