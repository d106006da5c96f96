import { type BackoffOptions } from "./backoff.js";
import { type CursorStore } from "./cursor.js";
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
export declare function settings(options: Options): Settings;
/** Makes a WebSocket address of an address or, in a browser, a path. */
export declare function socketUrl(url: string): string;
