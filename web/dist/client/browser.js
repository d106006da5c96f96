/** Listens, where there is a page; returns what ends it. */
export function watchBrowser(events) {
    if (typeof window === "undefined" || typeof document === "undefined")
        return () => undefined;
    const shown = () => {
        if (document.visibilityState === "visible")
            events.visible();
        else
            events.leaving();
    };
    const ending = new AbortController();
    const { signal } = ending;
    window.addEventListener("online", () => events.online(), { signal });
    window.addEventListener("offline", () => events.offline(), { signal });
    window.addEventListener("pagehide", () => events.leaving(), { signal });
    document.addEventListener("visibilitychange", shown, { signal });
    return () => ending.abort();
}
