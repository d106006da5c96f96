import type { Entry, Gap, Page, Session, Unread } from "./types.js";
/**
 * The readers of what the hub sends. Each checks what this library relies on,
 * leaves the rest as it came, and throws a BongsuError otherwise.
 */
export declare function readEntry(raw: unknown): Entry;
export declare function readGap(raw: unknown): Gap;
export declare function readUnread(raw: unknown): Unread;
export declare function readPage(raw: unknown): Page;
export declare function readSession(raw: unknown): Session;
