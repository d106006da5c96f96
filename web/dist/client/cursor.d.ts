import type { Cursor } from "./types.js";
/**
 * Keeps a person's cursor from one page load to the next. Both calls are
 * synchronous and must not throw.
 */
export interface CursorStore {
    load(person: string): Cursor | undefined;
    save(person: string, cursor: Cursor): void;
}
/** The part of `Storage` that a store needs. */
export interface TextStorage {
    getItem(key: string): string | null;
    setItem(key: string, value: string): void;
}
/** A store that lasts as long as the object. */
export declare class MemoryCursorStore implements CursorStore {
    #private;
    load(person: string): Cursor | undefined;
    save(person: string, cursor: Cursor): void;
}
/** A store in the browser's storage, one key a person. */
export declare class StorageCursorStore implements CursorStore {
    #private;
    constructor(storage: TextStorage, prefix?: string);
    load(person: string): Cursor | undefined;
    save(person: string, cursor: Cursor): void;
}
/** localStorage where there is one, else memory. */
export declare function defaultCursorStore(): CursorStore;
/** Reads what a store wrote; anything malformed is left out. */
export declare function parseCursor(text: string | null): Cursor | undefined;
/** Whether a value can be the place of an entry, 0 (before the first) included. */
export declare function isSeq(value: unknown): value is number;
/**
 * The cursor to store when several tabs share a store: the furthest of each
 * stream, since each tab has shown all up to its own. Streams in `reset` take
 * this tab's place even backwards: their numbering has started anew. Streams that
 * this tab does not have may be another's, whose token names them: they stay.
 */
export declare function mergeCursors(stored: Cursor | undefined, own: Cursor, reset: ReadonlySet<string>): Cursor;
/**
 * The first places of a cursor whose streams `own` does not name. Since a tab
 * stores its own streams first, those come last that have been nobody's for longest.
 */
export declare function otherPlaces(cursor: Cursor, own: Cursor): Cursor;
/**
 * The part of a cursor that the hub takes and that fits into `bytes` of JSON, in the
 * given order. A stream key has no character that JSON escapes.
 */
export declare function fitCursor(cursor: Cursor, bytes: number): Cursor;
