type Handler = ((event: any) => void) | null;
/** The part of the WebSocket interface that the client uses. */
export interface SocketLike {
    onopen: Handler;
    onmessage: Handler;
    onclose: Handler;
    onerror: Handler;
    send(data: string): void;
    close(code?: number, reason?: string): void;
}
/** The constructor of a WebSocket: the browser's own, or one for Node such as `ws`. */
export type SocketClass = new (url: string, protocols: string[]) => SocketLike;
/** The subprotocol that the client speaks. */
export declare const subprotocol = "bongsu.v1.json";
/** This library's close code for a connection that has gone silent. */
export declare const silentCode = 4002;
export interface LinkHandlers {
    opened(): void;
    frame(data: unknown): void;
    /** Called once, whoever ends the link. */
    lost(code: number, why: string): void;
}
/**
 * One WebSocket from its opening to its end. After `lost` it calls nobody, even
 * if the socket itself takes long to close.
 */
export declare class Link {
    #private;
    constructor(Socket: SocketClass, url: string, handlers: LinkHandlers);
    send(frame: string): void;
    /** From now on a silence of `limit` milliseconds ends the link. */
    watch(limit: number): void;
    /** Looks at the clock: after a machine's sleep no timer has run. */
    check: () => void;
    /** Ends the link at once, without waiting for the other side. */
    end(code: number, why: string): void;
}
export {};
