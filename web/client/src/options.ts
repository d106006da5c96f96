import { defaultBackoff, type BackoffOptions } from "./backoff.js";
import { defaultCursorStore, type CursorStore } from "./cursor.js";
import { BongsuError } from "./errors.js";
import type { SocketClass } from "./socket.js";

/** What `connect` takes. */
export interface Options {
  /**
   * The hub's socket: ws, wss, http or https, or in a browser a path such as `/ws`.
   * When it fails the client goes on at the other nodes that the hub named, and at
   * no other address.
   */
  url: string;
  /**
   * Returns a token. It is asked at every attempt to connect and before the token
   * expires; throw a `SignedOutError` when there will be none. It is given the
   * origin of the node that will be shown it, such as `https://hub.example`.
   */
  token: (origin: string) => Promise<string>;
  /** Where the cursor outlives the page; localStorage in browsers, else memory. */
  cursorStore?: CursorStore;
  /** A WebSocket class, for Node before 22. */
  WebSocket?: SocketClass;
  /** Milliseconds that a call may take; 10 s. */
  callTimeout?: number;
  /** Milliseconds that an attempt to connect may take; 15 s. */
  connectTimeout?: number;
  backoff?: BackoffOptions;
  /** A number from 0 to below 1; Math.random. */
  random?: () => number;
}

/** Options with every default filled in. */
export type Settings = Required<Options>;

/** Throws a BongsuError where something that is needed is missing. */
export function settings(options: Options): Settings {
  const Socket = options.WebSocket ?? (globalThis as { WebSocket?: SocketClass }).WebSocket;
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
export function socketUrl(url: string): string {
  const base = typeof location === "undefined" ? undefined : location.href;
  let parsed: URL;
  try {
    parsed = new URL(url, base);
  } catch {
    throw new BongsuError(`url: ${JSON.stringify(url)} is not an address`);
  }
  if (parsed.protocol === "http:") parsed.protocol = "ws:";
  if (parsed.protocol === "https:") parsed.protocol = "wss:";
  if (parsed.protocol !== "ws:" && parsed.protocol !== "wss:") {
    throw new BongsuError(`url: want ws, wss, http or https, not ${parsed.protocol}`);
  }
  parsed.hash = "";
  return parsed.href;
}
