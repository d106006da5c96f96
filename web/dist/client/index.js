export { Client, connect } from "./client.js";
export {} from "./backoff.js";
export { MemoryCursorStore, StorageCursorStore } from "./cursor.js";
export { BongsuError, SignedOutError } from "./errors.js";
export {} from "./options.js";
export {} from "./socket.js";
