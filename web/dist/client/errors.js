/** A call that failed. When `temporary`, the same call can succeed later. */
export class BongsuError extends Error {
    name = "BongsuError";
    /** JSON-RPC's own codes are negative, the hub's positive; 0 is this library's. */
    code;
    temporary;
    constructor(message, code = 0, temporary = false) {
        super(message);
        this.code = code;
        this.temporary = temporary;
    }
}
/** Thrown by a token provider: there will be no token, so do not try again. */
export class SignedOutError extends BongsuError {
    name = "SignedOutError";
    constructor(message = "signed out") {
        super(message);
    }
}
/** Any thrown value as an Error. */
export function asError(thrown) {
    return thrown instanceof Error ? thrown : new Error(String(thrown));
}
