import type { Cursor } from "./types.js";

/** How many streams the hub takes in a cursor. */
const mostStreams = 4_096;
/** How many places are kept of streams that are not the person's just now. */
const mostOthers = 1_000;

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
export class MemoryCursorStore implements CursorStore {
  readonly #cursors = new Map<string, Cursor>();

  load(person: string): Cursor | undefined {
    const cursor = this.#cursors.get(person);
    return cursor && { ...cursor };
  }

  save(person: string, cursor: Cursor): void {
    this.#cursors.set(person, { ...cursor });
  }
}

/** A store in the browser's storage, one key a person. */
export class StorageCursorStore implements CursorStore {
  readonly #storage: TextStorage;
  readonly #prefix: string;

  constructor(storage: TextStorage, prefix = "bongsu.cursor.") {
    this.#storage = storage;
    this.#prefix = prefix;
  }

  load(person: string): Cursor | undefined {
    try {
      return parseCursor(this.#storage.getItem(this.#prefix + person));
    } catch {
      return undefined; // storage may be forbidden; then every load starts at the heads
    }
  }

  save(person: string, cursor: Cursor): void {
    try {
      this.#storage.setItem(this.#prefix + person, JSON.stringify(cursor));
    } catch {
      // Full or forbidden: the next load starts further back, and loses nothing.
    }
  }
}

/** localStorage where there is one, else memory. */
export function defaultCursorStore(): CursorStore {
  try {
    if (typeof window !== "undefined") return new StorageCursorStore(window.localStorage);
  } catch {
    // Reading window.localStorage throws where storage is forbidden.
  }
  return new MemoryCursorStore();
}

/** Reads what a store wrote; anything malformed is left out. */
export function parseCursor(text: string | null): Cursor | undefined {
  if (!text) return undefined;
  const raw: unknown = JSON.parse(text);
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) return undefined;
  const cursor: Cursor = {};
  for (const [stream, seq] of Object.entries(raw)) {
    if (isSeq(seq)) cursor[stream] = seq;
  }
  return cursor;
}

/** Whether a value can be the place of an entry, 0 (before the first) included. */
export function isSeq(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/**
 * The cursor to store when several tabs share a store: the furthest of each
 * stream, since each tab has shown all up to its own. Streams in `reset` take
 * this tab's place even backwards: their numbering has started anew. Streams that
 * this tab does not have may be another's, whose token names them: they stay.
 */
export function mergeCursors(stored: Cursor | undefined, own: Cursor, reset: ReadonlySet<string>): Cursor {
  const merged: Cursor = { ...own };
  for (const [stream, seq] of Object.entries(stored ?? {})) {
    const mine = own[stream];
    if (mine !== undefined && seq > mine && !reset.has(stream)) merged[stream] = seq;
  }
  return { ...merged, ...otherPlaces(stored ?? {}, own) };
}

/**
 * The first places of a cursor whose streams `own` does not name. Since a tab
 * stores its own streams first, those come last that have been nobody's for longest.
 */
export function otherPlaces(cursor: Cursor, own: Cursor): Cursor {
  return Object.fromEntries(Object.entries(cursor).filter(([stream]) => !(stream in own)).slice(0, mostOthers));
}

/**
 * The part of a cursor that the hub takes and that fits into `bytes` of JSON, in the
 * given order. A stream key has no character that JSON escapes.
 */
export function fitCursor(cursor: Cursor, bytes: number): Cursor {
  const fitted: Cursor = {};
  let size = 2;
  for (const [stream, seq] of Object.entries(cursor).slice(0, mostStreams)) {
    size += stream.length + String(seq).length + 4;
    if (size > bytes) break;
    fitted[stream] = seq;
  }
  return fitted;
}
