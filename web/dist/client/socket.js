/** The subprotocol that the client speaks. */
export const subprotocol = "bongsu.v1.json";
/** This library's close code for a connection that has gone silent. */
export const silentCode = 4002;
/**
 * One WebSocket from its opening to its end. After `lost` it calls nobody, even
 * if the socket itself takes long to close.
 */
export class Link {
    #socket;
    #handlers;
    #over = false;
    #heard = Date.now();
    #limit = Infinity;
    #timer;
    constructor(Socket, url, handlers) {
        this.#handlers = handlers;
        const socket = (this.#socket = new Socket(url, [subprotocol]));
        socket.onopen = () => !this.#over && handlers.opened();
        socket.onmessage = (event) => this.#take(event.data);
        socket.onclose = (event) => this.#lose(event.code ?? 1006, event.reason ?? "");
        socket.onerror = () => undefined; // a close follows and says as much
    }
    send(frame) {
        try {
            this.#socket.send(frame);
        }
        catch {
            this.end(1006, "the socket cannot send");
        }
    }
    /** From now on a silence of `limit` milliseconds ends the link. */
    watch(limit) {
        this.#limit = limit;
        this.check();
    }
    /** Looks at the clock: after a machine's sleep no timer has run. */
    check = () => {
        clearTimeout(this.#timer);
        if (this.#over || this.#limit === Infinity)
            return;
        const left = this.#heard + this.#limit - Date.now();
        if (left <= 0)
            this.end(silentCode, "silent");
        else
            this.#timer = setTimeout(this.check, left);
    };
    /** Ends the link at once, without waiting for the other side. */
    end(code, why) {
        if (this.#over)
            return;
        try {
            this.#socket.close(code >= 3000 ? code : 1000, why);
        }
        catch {
            // It is closed already, or was never open.
        }
        this.#lose(code, why);
    }
    #take(data) {
        if (this.#over)
            return;
        this.#heard = Date.now();
        this.#handlers.frame(data);
    }
    #lose(code, why) {
        if (this.#over)
            return;
        this.#over = true;
        clearTimeout(this.#timer);
        this.#handlers.lost(code, why);
    }
}
