import type { Entry } from "../../../client/src/index.ts";

/** An entry as the console holds it. Immutable. */
export interface Item {
  readonly key: string;
  readonly entry: Entry;
  /** When it happened, in milliseconds. */
  readonly at: number;
}

/** The name of an entry, unique over all streams. */
export function keyOf(stream: string, seq: number): string {
  return `${stream}#${seq}`;
}

export function itemOf(entry: Entry, now: number): Item {
  const at = Date.parse(entry.at ?? "");
  return { key: keyOf(entry.stream, entry.seq), entry, at: Number.isNaN(at) ? now : at };
}

/**
 * Puts items into a list that is newest first, each once. An item goes where its
 * time belongs, but never above a newer or below an older entry of its own
 * stream: the order of a stream is certain, clocks are not.
 */
export function insertLive(list: readonly Item[], items: readonly Item[]): Item[] {
  const result = [...list];
  const known = new Set(list.map((item) => item.key));
  for (const item of items) {
    if (known.has(item.key)) continue;
    known.add(item.key);
    result.splice(placeOf(result, item), 0, item);
  }
  return result;
}

function placeOf(list: readonly Item[], { entry, at }: Item): number {
  // Its own stream says between which places it stands, its time where there.
  let place = 0;
  let end = list.length;
  list.forEach((other, i) => {
    if (other.entry.stream !== entry.stream) return;
    if (other.entry.seq > entry.seq) place = i + 1;
    else end = Math.min(end, i);
  });
  while (place < end && list[place]!.at > at) place++;
  return place;
}

/** Adds an older page to the end of a list, leaving out what is there already. */
export function appendPage(list: readonly Item[], page: readonly Item[]): Item[] {
  const known = new Set(list.map((item) => item.key));
  return [...list, ...page.filter((item) => !known.has(item.key))];
}

/** What the person narrows the timeline to. Null is everything. */
export interface Filter {
  stream: string | null;
  type: string | null;
  unread: boolean;
}

export const noFilter: Filter = { stream: null, type: null, unread: false };

/** Whether a new entry belongs into a list narrowed so. */
export function matches(filter: Filter, entry: Entry, read: boolean): boolean {
  if (filter.stream !== null && entry.stream !== filter.stream) return false;
  if (filter.type !== null && entry.type !== filter.type) return false;
  return !filter.unread || !read;
}
