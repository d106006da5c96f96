/** How many streams the hub takes in a cursor. */
const mostStreams = 4_096;
/** How many places are kept of streams that are not the person's just now. */
const mostOthers = 1_000;
/** A store that lasts as long as the object. */
export class MemoryCursorStore {
    #cursors = new Map();
    load(person) {
        const cursor = this.#cursors.get(person);
        return cursor && { ...cursor };
    }
    save(person, cursor) {
        this.#cursors.set(person, { ...cursor });
    }
}
/** A store in the browser's storage, one key a person. */
export class StorageCursorStore {
    #storage;
    #prefix;
    constructor(storage, prefix = "bongsu.cursor.") {
        this.#storage = storage;
        this.#prefix = prefix;
    }
    load(person) {
        try {
            return parseCursor(this.#storage.getItem(this.#prefix + person));
        }
        catch {
            return undefined; // storage may be forbidden; then every load starts at the heads
        }
    }
    save(person, cursor) {
        try {
            this.#storage.setItem(this.#prefix + person, JSON.stringify(cursor));
        }
        catch {
            // Full or forbidden: the next load starts further back, and loses nothing.
        }
    }
}
/** localStorage where there is one, else memory. */
export function defaultCursorStore() {
    try {
        if (typeof window !== "undefined")
            return new StorageCursorStore(window.localStorage);
    }
    catch {
        // Reading window.localStorage throws where storage is forbidden.
    }
    return new MemoryCursorStore();
}
/** Reads what a store wrote; anything malformed is left out. */
export function parseCursor(text) {
    if (!text)
        return undefined;
    const raw = JSON.parse(text);
    if (typeof raw !== "object" || raw === null || Array.isArray(raw))
        return undefined;
    const cursor = {};
    for (const [stream, seq] of Object.entries(raw)) {
        if (isSeq(seq))
            cursor[stream] = seq;
    }
    return cursor;
}
/** Whether a value can be the place of an entry, 0 (before the first) included. */
export function isSeq(value) {
    return Number.isSafeInteger(value) && value >= 0;
}
/**
 * The cursor to store when several tabs share a store: the furthest of each
 * stream, since each tab has shown all up to its own. Streams in `reset` take
 * this tab's place even backwards: their numbering has started anew. Streams that
 * this tab does not have may be another's, whose token names them: they stay.
 */
export function mergeCursors(stored, own, reset) {
    const merged = { ...own };
    for (const [stream, seq] of Object.entries(stored ?? {})) {
        const mine = own[stream];
        if (mine !== undefined && seq > mine && !reset.has(stream))
            merged[stream] = seq;
    }
    return { ...merged, ...otherPlaces(stored ?? {}, own) };
}
/**
 * The first places of a cursor whose streams `own` does not name. Since a tab
 * stores its own streams first, those come last that have been nobody's for longest.
 */
export function otherPlaces(cursor, own) {
    return Object.fromEntries(Object.entries(cursor).filter(([stream]) => !(stream in own)).slice(0, mostOthers));
}
/**
 * The part of a cursor that the hub takes and that fits into `bytes` of JSON, in the
 * given order. A stream key has no character that JSON escapes.
 */
export function fitCursor(cursor, bytes) {
    const fitted = {};
    let size = 2;
    for (const [stream, seq] of Object.entries(cursor).slice(0, mostStreams)) {
        size += stream.length + String(seq).length + 4;
        if (size > bytes)
            break;
        fitted[stream] = seq;
    }
    return fitted;
}
