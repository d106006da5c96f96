/** A call that failed. When `temporary`, the same call can succeed later. */
export declare class BongsuError extends Error {
    readonly name: string;
    /** JSON-RPC's own codes are negative, the hub's positive; 0 is this library's. */
    readonly code: number;
    readonly temporary: boolean;
    constructor(message: string, code?: number, temporary?: boolean);
}
/** Thrown by a token provider: there will be no token, so do not try again. */
export declare class SignedOutError extends BongsuError {
    readonly name = "SignedOutError";
    constructor(message?: string);
}
/** Any thrown value as an Error. */
export declare function asError(thrown: unknown): Error;
