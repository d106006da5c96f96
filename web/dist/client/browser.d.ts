/** What a client wants to hear of the page it lives in. */
export interface BrowserEvents {
    online(): void;
    offline(): void;
    visible(): void;
    /** The page may be gone after this. */
    leaving(): void;
}
/** Listens, where there is a page; returns what ends it. */
export declare function watchBrowser(events: BrowserEvents): () => void;
