/** Bounds of the pause between two attempts, in milliseconds. */
export interface BackoffOptions {
  min: number;
  max: number;
}

/** 1 s, 2 s, 4 s … 30 s. */
export const defaultBackoff: BackoffOptions = { min: 1_000, max: 30_000 };

/**
 * Milliseconds to wait before attempt number `attempt`, which counts from 0: a
 * random part of min·2^attempt, at most max. The whole of it is random, so that
 * clients that were cut off together do not come back together.
 */
export function backoffDelay(attempt: number, options: BackoffOptions, random: () => number): number {
  const ceiling = Math.min(options.max, options.min * 2 ** Math.min(attempt, 30));
  return Math.round(random() * ceiling);
}

/** What a WebSocket close code asks of the client. */
export type Verdict = "backoff" | "promptly" | "stop";

/**
 * Codes 4500–4999 end the client. 4000 (the node restarts) and 4003 (the token
 * has expired) are nobody's failure, so the count of attempts starts again.
 * Everything else is a lost connection.
 */
export function closeVerdict(code: number): Verdict {
  if (code >= 4500 && code <= 4999) return "stop";
  return code === 4000 || code === 4003 ? "promptly" : "backoff";
}

/**
 * Whether another node may do better after such a close: not where the client was
 * too slow or too fast, or its token ran out.
 */
export function blamesNode(code: number): boolean {
  return code !== 4001 && code !== 4003 && code !== 4004;
}
