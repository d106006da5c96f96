import { defaultBackoff } from "./backoff.js";
import { defaultCursorStore } from "./cursor.js";
import { BongsuError } from "./errors.js";
/** Throws a BongsuError where something that is needed is missing. */
export function settings(options) {
    const Socket = options.WebSocket ?? globalThis.WebSocket;
    if (!Socket) {
        throw new BongsuError("there is no global WebSocket: give one as the option WebSocket");
    }
    return {
        url: socketUrl(options.url),
        token: options.token,
        cursorStore: options.cursorStore ?? defaultCursorStore(),
        WebSocket: Socket,
        callTimeout: options.callTimeout ?? 10_000,
        connectTimeout: options.connectTimeout ?? 15_000,
        backoff: options.backoff ?? defaultBackoff,
        random: options.random ?? Math.random,
    };
}
/** Makes a WebSocket address of an address or, in a browser, a path. */
export function socketUrl(url) {
    const base = typeof location === "undefined" ? undefined : location.href;
    let parsed;
    try {
        parsed = new URL(url, base);
    }
    catch {
        throw new BongsuError(`url: ${JSON.stringify(url)} is not an address`);
    }
    if (parsed.protocol === "http:")
        parsed.protocol = "ws:";
    if (parsed.protocol === "https:")
        parsed.protocol = "wss:";
    if (parsed.protocol !== "ws:" && parsed.protocol !== "wss:") {
        throw new BongsuError(`url: want ws, wss, http or https, not ${parsed.protocol}`);
    }
    parsed.hash = "";
    return parsed.href;
}
