export { Client, connect } from "./client.js";
export { type BackoffOptions } from "./backoff.js";
export { MemoryCursorStore, StorageCursorStore, type CursorStore, type TextStorage } from "./cursor.js";
export { BongsuError, SignedOutError } from "./errors.js";
export { type Options } from "./options.js";
export { type SocketClass, type SocketLike } from "./socket.js";
export type { Cursor, Entry, Events, Gap, ListedEntry, ListParams, Me, Page, Session, State, StreamState, Unread, } from "./types.js";
