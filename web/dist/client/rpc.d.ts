/** A notification of the hub. */
export interface Push {
    method: string;
    params: unknown;
}
/**
 * The JSON-RPC 2.0 of one connection: numbers calls, matches answers to them and
 * passes notifications on. It never touches the connection but through `send`.
 */
export declare class Rpc {
    #private;
    constructor(send: (frame: string) => void);
    /**
     * Calls `method` and waits at most `timeout` milliseconds. After a time-out the
     * hub may have carried the call out all the same.
     */
    call(method: string, params: unknown, timeout: number): Promise<unknown>;
    /**
     * Takes a frame. Returns the notification in it, or undefined after an answer,
     * which goes to its caller. Throws on anything else.
     */
    receive(frame: unknown): Push | undefined;
    /** Rejects every waiting call: the connection is gone. */
    fail(why: string): void;
}
