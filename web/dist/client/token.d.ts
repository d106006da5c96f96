/** What a client reads from a token. It checks no signature: the hub does. */
export interface TokenFacts {
    /** `sub`, the person. */
    person: string | undefined;
    /** `exp` in milliseconds of the clock. */
    expires: number | undefined;
}
/** Reads a JWT; for any other text both facts are undefined. */
export declare function tokenFacts(token: string): TokenFacts;
/**
 * Milliseconds from now until a token should be renewed: a minute before it
 * expires, or a tenth of what is left if that is less, and up to a tenth of that
 * margin earlier still, so that tokens issued together are not renewed together.
 */
export declare function refreshDelay(expires: number, now: number, random: () => number): number;
