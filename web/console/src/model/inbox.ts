import { batch, computed, signal } from "@preact/signals";
import { connect, type Client, type Entry, type Gap, type Me, type Page, type State, type StreamState, type Unread } from "../../../client/src/index.ts";
import { appendPage, insertLive, itemOf, matches, noFilter, type Filter, type Item } from "./list.ts";
import { Seen } from "./seen.ts";

/** Entries of one page. */
const pageSize = 50;
/** How many entries one list may grow to by paging. */
const mostListed = 3_000;
/** How many live entries a list takes before it is fetched anew. */
const mostLive = 1_000;
/** How long (ms) pushes gather before the list changes. */
const gather = 60;
/** How often (ms) what was seen is turned into marks. */
const markEvery = 700;

export interface InboxOptions {
  token: (origin: string) => Promise<string>;
  /** Called for each entry that came live, after it is in the list. */
  arrived(item: Item): void;
}

export type Loading = "first" | "more" | "no";

/**
 * A person's inbox: one page after another of the timeline, kept up to date by
 * the client. Whether an entry is read follows from the streams' marks alone, as
 * it does in the hub; the number of unread ones is always the hub's.
 */
export class Inbox {
  readonly client: Client;

  readonly state = signal<State>({ name: "connecting", attempt: 0 });
  readonly me = signal<Me | undefined>(undefined);
  /** Whether the person may see how the hub itself is doing. */
  readonly operator = computed(() => this.me.value?.scopes?.includes("ops") ?? false);
  readonly streams = signal<StreamState[]>([]);
  readonly unread = signal<Unread | undefined>(undefined);
  readonly marks = signal<Readonly<Record<string, number>>>({});
  readonly items = signal<readonly Item[]>([]);
  readonly filter = signal<Filter>(noFilter);
  readonly loading = signal<Loading>("first");
  readonly error = signal<Error | undefined>(undefined);
  /** Live entries that are not in the list, because it was full. */
  readonly held = signal(0);
  readonly hasMore = computed(() => this.#next.value !== undefined);
  readonly full = computed(() => this.items.value.length >= mostListed);

  readonly #next = signal<string | undefined>(undefined);
  /** Wrapped anew at each change, so that what shows it notices. */
  readonly #seen = signal({ all: new Seen() });
  readonly #options: InboxOptions;
  #live = 0;
  #arrivals: Item[] = [];
  #gathering: ReturnType<typeof setTimeout> | undefined;
  #marking: ReturnType<typeof setTimeout> | undefined;
  /** Numbers loads, so that the answer to a superseded one is dropped. */
  #load = 0;

  constructor(options: InboxOptions) {
    this.#options = options;
    this.client = connect({ url: "/ws", token: options.token });
    this.client.on("state", (state) => this.#became(state));
    this.client.on("entry", (entry) => this.#pushed(entry));
    this.client.on("unread", (unread) => this.#counted(unread));
    this.client.on("marks", (marks) => this.#grow(marks));
    this.client.on("gap", (gap) => void this.#missed(gap));
    this.client.on("warning", (warning) => console.warn(`bongsu: ${warning.message}`));
  }

  close(): void {
    this.#load++;
    clearTimeout(this.#gathering);
    clearTimeout(this.#marking);
    this.client.close();
  }

  isRead(entry: Entry): boolean {
    return entry.seq <= (this.marks.value[entry.stream] ?? 0);
  }

  isSeen(entry: Entry): boolean {
    return this.#seen.value.all.has(entry.stream, entry.seq);
  }

  /** How many entries "read up to this one" would mark. */
  unreadUpTo(entry: Entry): number {
    return Math.max(0, entry.seq - (this.marks.value[entry.stream] ?? 0));
  }

  /** Narrows the list. */
  show(filter: Partial<Filter>): void {
    const next = { ...this.filter.value, ...filter };
    const { stream, type, unread } = this.filter.value;
    if (next.stream === stream && next.type === type && next.unread === unread) return;
    this.filter.value = next;
    this.items.value = [];
    void this.reload();
  }

  /** Fetches the first page anew. */
  async reload(): Promise<void> {
    const load = ++this.#load;
    this.loading.value = "first";
    await this.#fetch(load, undefined, (page) => {
      this.#live = 0;
      this.held.value = 0;
      this.items.value = this.#itemsOf(page);
    });
  }

  /** Fetches the next older page, unless one is under way or there is none. */
  async more(): Promise<void> {
    if (this.loading.value !== "no" || this.full.value || this.#next.value === undefined) return;
    this.loading.value = "more";
    await this.#fetch(++this.#load, this.#next.value, (page) => {
      this.items.value = appendPage(this.items.value, this.#itemsOf(page));
    });
  }

  /** Marks everything up to an entry of its stream read. Resolves to how many that were. */
  async readTo(entry: Entry): Promise<number> {
    const count = this.unreadUpTo(entry);
    if (count > 0) await this.client.read(entry.stream, entry.seq);
    return count;
  }

  async readAll(): Promise<void> {
    await this.client.readAll();
  }

  /** Notes that the person has looked at an entry. */
  look(entry: Entry): void {
    if (this.isRead(entry) || this.isSeen(entry)) return;
    const { all } = this.#seen.value;
    all.add(entry.stream, entry.seq);
    this.#seen.value = { all };
    this.#marking ??= setTimeout(() => void this.#markSeen(), markEvery);
  }

  // What the client tells.

  #became(state: State): void {
    batch(() => {
      this.state.value = state;
      if (state.name !== "live") return;
      this.me.value = state.session.me;
      this.streams.value = this.client.streams;
      this.#grow(Object.fromEntries(state.session.streams.map((s) => [s.stream, s.read])));
    });
    // What came while away is pushed; only a first or failed load is to be made up for.
    const wanting = this.items.value.length === 0 || this.error.value !== undefined || this.loading.value !== "no";
    if (state.name === "live" && wanting) void this.reload();
    if (state.name === "live") this.#marking ??= setTimeout(() => void this.#markSeen(), markEvery);
  }

  #pushed(entry: Entry): void {
    this.#arrivals.push(itemOf(entry, Date.now()));
    this.#gathering ??= setTimeout(() => this.#settle(), gather);
  }

  #settle(): void {
    this.#gathering = undefined;
    const arrivals = this.#arrivals;
    this.#arrivals = [];
    const fitting = arrivals.filter((item) => matches(this.filter.value, item.entry, this.isRead(item.entry)));
    batch(() => {
      if (this.#live + fitting.length > mostLive) {
        this.held.value += fitting.length;
      } else {
        this.#live += fitting.length;
        this.items.value = insertLive(this.items.value, fitting);
      }
      this.streams.value = this.client.streams;
    });
    for (const item of arrivals) this.#options.arrived(item);
  }

  #counted(unread: Unread): void {
    batch(() => {
      this.unread.value = unread;
      this.streams.value = this.client.streams;
    });
  }

  #grow(marks: Record<string, number>): void {
    const next = { ...this.marks.value };
    for (const [stream, seq] of Object.entries(marks)) next[stream] = Math.max(seq, next[stream] ?? 0);
    this.marks.value = next;
  }

  /** Fetches what will not be pushed. A small gap is filled, a large one means a fresh start. */
  async #missed(gap: Gap): Promise<void> {
    if (gap.reason === "reset") {
      this.#seen.value = { all: new Seen() };
      this.marks.value = { ...this.marks.value, [gap.stream]: this.client.stream(gap.stream)?.read ?? 0 };
      await this.reload();
      return;
    }
    const { stream, from, to } = gap;
    const page = await this.client.list({ stream, before: to + 1, after: from - 1, limit: 200 }).catch(() => undefined);
    if (!page || page.next !== undefined) {
      await this.reload();
      return;
    }
    const oldest = this.items.value.at(-1)?.at ?? 0;
    const missed = this.#itemsOf(page).filter((item) => matches(this.filter.value, item.entry, this.isRead(item.entry)));
    // Below the end of the list they come with their own page.
    const fitting = this.#next.value === undefined ? missed : missed.filter((item) => item.at >= oldest);
    this.items.value = insertLive(this.items.value, fitting);
  }

  // Loading and marking.

  async #fetch(load: number, before: string | undefined, take: (page: Page) => void): Promise<void> {
    const { stream, type, unread } = this.filter.value;
    try {
      const page = await this.client.list({
        limit: pageSize,
        ...(before === undefined ? {} : { before }),
        ...(stream === null ? {} : { stream }),
        ...(type === null ? {} : { type }),
        ...(unread ? { unread } : {}),
      });
      if (load !== this.#load) return;
      batch(() => {
        take(page);
        this.#next.value = page.next;
        this.error.value = undefined;
        this.loading.value = "no";
      });
    } catch (thrown) {
      if (load !== this.#load) return;
      batch(() => {
        // Without a connection the list loads as soon as there is one again.
        const waiting = this.state.value.name !== "live" && this.items.value.length === 0;
        this.error.value = waiting ? undefined : (thrown as Error);
        this.loading.value = waiting ? "first" : "no";
      });
    }
  }

  #itemsOf(page: Page): Item[] {
    const now = Date.now();
    const marks: Record<string, number> = {};
    for (const { stream, seq, read } of page.entries) {
      if (read) marks[stream] = Math.max(seq, marks[stream] ?? 0);
    }
    this.#grow(marks);
    return page.entries.map((entry) => itemOf(entry, now));
  }

  async #markSeen(): Promise<void> {
    for (const { stream } of this.streams.value) {
      const mark = this.marks.value[stream] ?? 0;
      const reach = this.#seen.value.all.reach(stream, mark);
      if (reach > mark) await this.client.read(stream, reach).catch(() => undefined);
    }
    this.#marking = undefined;
  }
}
