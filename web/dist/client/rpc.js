import { BongsuError } from "./errors.js";
/** How many calls may wait for an answer at once. */
const maxWaiting = 256;
/**
 * The JSON-RPC 2.0 of one connection: numbers calls, matches answers to them and
 * passes notifications on. It never touches the connection but through `send`.
 */
export class Rpc {
    #send;
    #waiting = new Map();
    #lastId = 0;
    constructor(send) {
        this.#send = send;
    }
    /**
     * Calls `method` and waits at most `timeout` milliseconds. After a time-out the
     * hub may have carried the call out all the same.
     */
    call(method, params, timeout) {
        if (this.#waiting.size >= maxWaiting) {
            return Promise.reject(new BongsuError(`${method}: too many calls at once`, 0, true));
        }
        const id = ++this.#lastId;
        return new Promise((resolve, reject) => {
            const timer = setTimeout(() => {
                this.#waiting.delete(id);
                reject(new BongsuError(`${method}: no answer in ${timeout} ms`, 0, true));
            }, timeout);
            this.#waiting.set(id, { method, timer, resolve, reject });
            this.#send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
        });
    }
    /**
     * Takes a frame. Returns the notification in it, or undefined after an answer,
     * which goes to its caller. Throws on anything else.
     */
    receive(frame) {
        const message = parseMessage(frame);
        if (typeof message["method"] === "string") {
            return { method: message["method"], params: message["params"] };
        }
        if (!("result" in message) && !("error" in message))
            throw new Error("neither a notification nor an answer");
        const waiting = this.#take(message["id"]);
        if (!waiting)
            return undefined; // answered after its time-out
        if ("error" in message)
            waiting.reject(callError(waiting.method, message["error"]));
        else
            waiting.resolve(message["result"]);
        return undefined;
    }
    /** Rejects every waiting call: the connection is gone. */
    fail(why) {
        for (const waiting of this.#waiting.values()) {
            clearTimeout(waiting.timer);
            waiting.reject(new BongsuError(`${waiting.method}: ${why}`, 0, true));
        }
        this.#waiting.clear();
    }
    #take(id) {
        if (typeof id !== "number")
            return undefined;
        const waiting = this.#waiting.get(id);
        if (waiting)
            clearTimeout(waiting.timer);
        this.#waiting.delete(id);
        return waiting;
    }
}
function parseMessage(frame) {
    if (typeof frame !== "string")
        throw new Error("a frame that is not text");
    const message = JSON.parse(frame);
    if (typeof message !== "object" || message === null || Array.isArray(message)) {
        throw new Error("a frame that is not an object");
    }
    return message;
}
function callError(method, raw) {
    const error = (typeof raw === "object" && raw !== null ? raw : {});
    const code = typeof error.code === "number" ? error.code : 0;
    const text = typeof error.message === "string" ? error.message : "failed";
    return new BongsuError(`${method}: ${text}`, code, error.data?.temporary === true);
}
