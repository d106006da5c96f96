import { type Options } from "./options.js";
import type { Cursor, Events, ListParams, Me, Page, State, StreamState, Unread } from "./types.js";
/**
 * A person's connection to the hub. It connects at once, keeps itself connected
 * until `close` or a code that forbids it, if need be to another node that the hub
 * has named, and resumes where it was: entries come in order within their stream, each once, and what cannot come is told as a gap.
 */
export declare class Client {
    #private;
    constructor(options: Options);
    get state(): State;
    /** Who the person is; undefined until the first connect. */
    get me(): Me | undefined;
    /** The newest counts; undefined until the first connect. */
    get unreadNow(): Unread | undefined;
    /** The origin of the node that the socket is on, or goes to next: send HTTP calls there. */
    get origin(): string;
    /** Where the person's streams stand, in the hub's order. */
    get streams(): StreamState[];
    stream(name: string): StreamState | undefined;
    get cursor(): Cursor;
    /** Adds a listener and returns what removes it. */
    on<K extends keyof Events>(name: K, listener: (value: Events[K]) => void): () => void;
    /** Fetches a page of the timeline, newest first. */
    list(params?: ListParams): Promise<Page>;
    /** Marks a stream read up to and with `seq`. Resolves to the counts after it. */
    read(stream: string, seq: number): Promise<Unread>;
    /** Marks everything read. Resolves to the counts after it. */
    readAll(): Promise<Unread>;
    /** Asks for the counts. */
    unread(): Promise<Unread>;
    /**
     * Gets a new token from the provider and gives it to the hub over the open
     * socket. With it may come other rights: streams are joined and left.
     */
    refresh(): Promise<void>;
    /** Ends a wait for the next attempt. */
    retryNow(): void;
    /** Ends the client for good. */
    close(): void;
}
/** Connects to a hub. Throws a BongsuError at once when the options are wrong. */
export declare function connect(options: Options): Client;
