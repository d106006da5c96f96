import { otherPlaces } from "./cursor.js";
/**
 * Where a person's streams stand as far as one client has seen: the cursor, and
 * of each stream head, read mark and unread count. It does no I/O.
 */
export class Positions {
    #cursor = {};
    /** Places of streams that are not the person's now, and may be again. */
    #left = {};
    #streams = new Map();
    /** Streams whose cursor has gone back, since their numbering began anew. */
    reset = new Set();
    get cursor() {
        return { ...this.#cursor };
    }
    /** Places of streams that are not the person's now: where to go on when a new token brings them back. */
    get left() {
        return { ...this.#left };
    }
    /** The cursor to send: where the person's streams are gone on from, those that may become theirs again included. */
    get places() {
        return { ...this.#cursor, ...this.#left };
    }
    /** Copies of the streams' states, in the hub's order. */
    get streams() {
        return [...this.#streams.values()].map((s) => ({ ...s }));
    }
    stream(name) {
        const state = this.#streams.get(name);
        return state && { ...state };
    }
    /** Forgets everything and starts from a cursor. */
    start(cursor) {
        this.#cursor = { ...cursor };
        this.#left = {};
        this.#streams.clear();
        this.reset.clear();
    }
    /**
     * Takes the answer to a call that told the hub of the places in `sent`. Of streams that are no
     * longer the person's the place alone is kept; those without one start at their
     * head; for those whose place was not sent the gap is returned. A cursor beyond
     * the head stays: the hub says `reset` if it means it.
     */
    connected(streams, sent) {
        const previous = new Map(this.#streams);
        const places = this.places;
        const cursor = {};
        const gaps = [];
        const marks = {};
        this.#streams.clear();
        for (const state of streams) {
            const { stream, head, read } = state;
            this.#streams.set(stream, { ...state });
            if (read > (previous.get(stream)?.read ?? -1))
                marks[stream] = read;
            const seen = places[stream];
            cursor[stream] = seen ?? head;
            if (seen === undefined || stream in sent)
                continue;
            if (seen < head)
                gaps.push({ stream, from: seen + 1, to: head, reason: "unsent" });
            cursor[stream] = Math.max(seen, head);
        }
        this.#cursor = cursor;
        this.#left = otherPlaces(places, cursor);
        return { gaps, marks };
    }
    /** Takes a pushed entry. */
    entry(stream, seq) {
        const seen = this.#cursor[stream];
        if (seen !== undefined && seq <= seen)
            return { fresh: false };
        this.#cursor[stream] = seq;
        const state = this.#streams.get(stream);
        if (state)
            state.head = Math.max(state.head, seq);
        if (seen === undefined || seq === seen + 1)
            return { fresh: true };
        return { fresh: true, gap: { stream, from: seen + 1, to: seq - 1, reason: "missing" } };
    }
    /** Takes a gap: the cursor then stands at its end. */
    gap(gap) {
        this.#cursor[gap.stream] = gap.to;
        const state = this.#streams.get(gap.stream);
        if (gap.reason === "reset") {
            this.reset.add(gap.stream);
            if (state)
                Object.assign(state, { head: gap.to, read: Math.min(state.read, gap.to) });
        }
        else if (state) {
            state.head = Math.max(state.head, gap.to);
        }
    }
    /**
     * Takes unread counts. Returns, for each stream whose count says that its mark
     * is beyond the known one, where that mark would be. That is a hint, not
     * knowledge: counts and entries may have crossed on their way.
     */
    unread(unread) {
        const hints = new Map();
        for (const state of this.#streams.values()) {
            state.unread = unread.streams[state.stream] ?? 0;
            const read = state.head - state.unread;
            if (read > state.read)
                hints.set(state.stream, read);
        }
        return hints;
    }
    /** Takes a mark that is certain. Returns whether it was news. */
    marked(stream, seq) {
        const state = this.#streams.get(stream);
        if (!state || seq <= state.read)
            return false;
        state.read = Math.min(seq, state.head);
        return true;
    }
}
