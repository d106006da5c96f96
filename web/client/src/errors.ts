/** A call that failed. When `temporary`, the same call can succeed later. */
export class BongsuError extends Error {
  override readonly name: string = "BongsuError";
  /** JSON-RPC's own codes are negative, the hub's positive; 0 is this library's. */
  readonly code: number;
  readonly temporary: boolean;

  constructor(message: string, code = 0, temporary = false) {
    super(message);
    this.code = code;
    this.temporary = temporary;
  }
}

/** Thrown by a token provider: there will be no token, so do not try again. */
export class SignedOutError extends BongsuError {
  override readonly name = "SignedOutError";

  constructor(message = "signed out") {
    super(message);
  }
}

/** Any thrown value as an Error. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
