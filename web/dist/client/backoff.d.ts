/** Bounds of the pause between two attempts, in milliseconds. */
export interface BackoffOptions {
    min: number;
    max: number;
}
/** 1 s, 2 s, 4 s … 30 s. */
export declare const defaultBackoff: BackoffOptions;
/**
 * Milliseconds to wait before attempt number `attempt`, which counts from 0: a
 * random part of min·2^attempt, at most max. The whole of it is random, so that
 * clients that were cut off together do not come back together.
 */
export declare function backoffDelay(attempt: number, options: BackoffOptions, random: () => number): number;
/** What a WebSocket close code asks of the client. */
export type Verdict = "backoff" | "promptly" | "stop";
/**
 * Codes 4500–4999 end the client. 4000 (the node restarts) and 4003 (the token
 * has expired) are nobody's failure, so the count of attempts starts again.
 * Everything else is a lost connection.
 */
export declare function closeVerdict(code: number): Verdict;
/**
 * Whether another node may do better after such a close: not where the client was
 * too slow or too fast, or its token ran out.
 */
export declare function blamesNode(code: number): boolean;
