/** What a client reads from a token. It checks no signature: the hub does. */
export interface TokenFacts {
  /** `sub`, the person. */
  person: string | undefined;
  /** `exp` in milliseconds of the clock. */
  expires: number | undefined;
}

/** Reads a JWT; for any other text both facts are undefined. */
export function tokenFacts(token: string): TokenFacts {
  const none: TokenFacts = { person: undefined, expires: undefined };
  try {
    const payload = token.split(".")[1];
    if (!payload) return none;
    const binary = atob(payload.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (c) => c.charCodeAt(0));
    const claims = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown; exp?: unknown } | null;
    return {
      person: typeof claims?.sub === "string" ? claims.sub : undefined,
      expires: typeof claims?.exp === "number" ? claims.exp * 1000 : undefined,
    };
  } catch {
    return none;
  }
}

/**
 * Milliseconds from now until a token should be renewed: a minute before it
 * expires, or a tenth of what is left if that is less, and up to a tenth of that
 * margin earlier still, so that tokens issued together are not renewed together.
 */
export function refreshDelay(expires: number, now: number, random: () => number): number {
  const left = Math.max(0, expires - now);
  const margin = Math.min(60_000, left / 10);
  return Math.max(0, Math.round(left - margin - random() * margin * 0.1));
}
