import { otherPlaces } from "./cursor.js";
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
export class Positions {
  #cursor: Cursor = {};
  /** Places of streams that are not the person's now, and may be again. */
  #left: Cursor = {};
  readonly #streams = new Map<string, StreamState>();
  /** Streams whose cursor has gone back, since their numbering began anew. */
  readonly reset = new Set<string>();

  get cursor(): Cursor {
    return { ...this.#cursor };
  }

  /** Places of streams that are not the person's now: where to go on when a new token brings them back. */
  get left(): Cursor {
    return { ...this.#left };
  }

  /** The cursor to send: where the person's streams are gone on from, those that may become theirs again included. */
  get places(): Cursor {
    return { ...this.#cursor, ...this.#left };
  }

  /** Copies of the streams' states, in the hub's order. */
  get streams(): StreamState[] {
    return [...this.#streams.values()].map((s) => ({ ...s }));
  }

  stream(name: string): StreamState | undefined {
    const state = this.#streams.get(name);
    return state && { ...state };
  }

  /** Forgets everything and starts from a cursor. */
  start(cursor: Cursor): void {
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
  connected(streams: StreamState[], sent: Cursor): { gaps: Gap[]; marks: Record<string, number> } {
    const previous = new Map(this.#streams);
    const places = this.places;
    const cursor: Cursor = {};
    const gaps: Gap[] = [];
    const marks: Record<string, number> = {};
    this.#streams.clear();
    for (const state of streams) {
      const { stream, head, read } = state;
      this.#streams.set(stream, { ...state });
      if (read > (previous.get(stream)?.read ?? -1)) marks[stream] = read;
      const seen = places[stream];
      cursor[stream] = seen ?? head;
      if (seen === undefined || stream in sent) continue;
      if (seen < head) gaps.push({ stream, from: seen + 1, to: head, reason: "unsent" });
      cursor[stream] = Math.max(seen, head);
    }
    this.#cursor = cursor;
    this.#left = otherPlaces(places, cursor);
    return { gaps, marks };
  }

  /** Takes a pushed entry. */
  entry(stream: string, seq: number): Taken {
    const seen = this.#cursor[stream];
    if (seen !== undefined && seq <= seen) return { fresh: false };
    this.#cursor[stream] = seq;
    const state = this.#streams.get(stream);
    if (state) state.head = Math.max(state.head, seq);
    if (seen === undefined || seq === seen + 1) return { fresh: true };
    return { fresh: true, gap: { stream, from: seen + 1, to: seq - 1, reason: "missing" } };
  }

  /** Takes a gap: the cursor then stands at its end. */
  gap(gap: Gap): void {
    this.#cursor[gap.stream] = gap.to;
    const state = this.#streams.get(gap.stream);
    if (gap.reason === "reset") {
      this.reset.add(gap.stream);
      if (state) Object.assign(state, { head: gap.to, read: Math.min(state.read, gap.to) });
    } else if (state) {
      state.head = Math.max(state.head, gap.to);
    }
  }

  /**
   * Takes unread counts. Returns, for each stream whose count says that its mark
   * is beyond the known one, where that mark would be. That is a hint, not
   * knowledge: counts and entries may have crossed on their way.
   */
  unread(unread: Unread): Map<string, number> {
    const hints = new Map<string, number>();
    for (const state of this.#streams.values()) {
      state.unread = unread.streams[state.stream] ?? 0;
      const read = state.head - state.unread;
      if (read > state.read) hints.set(state.stream, read);
    }
    return hints;
  }

  /** Takes a mark that is certain. Returns whether it was news. */
  marked(stream: string, seq: number): boolean {
    const state = this.#streams.get(stream);
    if (!state || seq <= state.read) return false;
    state.read = Math.min(seq, state.head);
    return true;
  }
}
