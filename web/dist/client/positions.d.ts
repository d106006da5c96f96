import type { Cursor, Gap, StreamState, Unread } from "./types.js";
/** What taking an entry showed: whether it is new, and a hole before it. */
export interface Taken {
    fresh: boolean;
    gap?: Gap;
}
/**
 * Where a person's streams stand as far as one client has seen: the cursor, and
 * of each stream head, read mark and unread count. It does no I/O.
 */
export declare class Positions {
    #private;
    /** Streams whose cursor has gone back, since their numbering began anew. */
    readonly reset: Set<string>;
    get cursor(): Cursor;
    /** Places of streams that are not the person's now: where to go on when a new token brings them back. */
    get left(): Cursor;
    /** The cursor to send: where the person's streams are gone on from, those that may become theirs again included. */
    get places(): Cursor;
    /** Copies of the streams' states, in the hub's order. */
    get streams(): StreamState[];
    stream(name: string): StreamState | undefined;
    /** Forgets everything and starts from a cursor. */
    start(cursor: Cursor): void;
    /**
     * Takes the answer to a call that told the hub of the places in `sent`. Of streams that are no
     * longer the person's the place alone is kept; those without one start at their
     * head; for those whose place was not sent the gap is returned. A cursor beyond
     * the head stays: the hub says `reset` if it means it.
     */
    connected(streams: StreamState[], sent: Cursor): {
        gaps: Gap[];
        marks: Record<string, number>;
    };
    /** Takes a pushed entry. */
    entry(stream: string, seq: number): Taken;
    /** Takes a gap: the cursor then stands at its end. */
    gap(gap: Gap): void;
    /**
     * Takes unread counts. Returns, for each stream whose count says that its mark
     * is beyond the known one, where that mark would be. That is a hint, not
     * knowledge: counts and entries may have crossed on their way.
     */
    unread(unread: Unread): Map<string, number>;
    /** Takes a mark that is certain. Returns whether it was news. */
    marked(stream: string, seq: number): boolean;
}
