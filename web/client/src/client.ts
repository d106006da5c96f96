import { backoffDelay, blamesNode, closeVerdict } from "./backoff.js";
import { fitCursor, mergeCursors } from "./cursor.js";
import { Emitter } from "./emitter.js";
import { asError, BongsuError, SignedOutError } from "./errors.js";
import { MarkFinder } from "./marks.js";
import { Nodes } from "./nodes.js";
import { settings, type Options, type Settings } from "./options.js";
import { Positions } from "./positions.js";
import { readEntry, readGap, readPage, readSession, readUnread } from "./read.js";
import { Rpc, type Push } from "./rpc.js";
import { Link } from "./socket.js";
import { refreshDelay, tokenFacts } from "./token.js";
import type { Cursor, Events, Gap, ListParams, Me, Page, Session, State, StreamState, Unread } from "./types.js";
import { watchBrowser } from "./browser.js";

/** A live connection that lasted this long (ms) makes the next failure the first. */
const stableAfter = 5_000;
/** A connection is dead after this many heartbeats of silence. */
const silentBeats = 2.5;
/** How much of the 64 KiB of a first frame the cursor may take. */
const cursorBytes = 48 * 1024;
/** How long (ms) a change of the cursor may stay unsaved. */
const saveEvery = 500;
/** How long (ms) a refused connect waits for the close code that tells why. */
const refusalGrace = 1_000;
/** The longest timer there is. */
const maxTimer = 2 ** 31 - 1;

/**
 * A person's connection to the hub. It connects at once, keeps itself connected
 * until `close` or a code that forbids it, if need be to another node that the hub
 * has named, and resumes where it was: entries come in order within their stream, each once, and what cannot come is told as a gap.
 */
export class Client {
  readonly #set: Settings;
  readonly #events: Emitter<Events>;
  readonly #positions = new Positions();
  readonly #nodes: Nodes;
  readonly #marks: MarkFinder;
  readonly #unwatch: () => void;

  #state: State = { name: "connecting", attempt: 0 };
  #unread: Unread | undefined;
  #person: string | undefined;
  #link: Link | undefined;
  #rpc: Rpc | undefined;
  /** Numbers attempts, so that what a given-up one still does is ignored. */
  #turn = 0;
  #attempt = 0;
  #liveSince: number | undefined;
  #retryTimer: Timer;
  #attemptTimer: Timer;
  #refreshTimer: Timer;
  #saveTimer: Timer;

  constructor(options: Options) {
    this.#set = settings(options);
    this.#nodes = new Nodes(this.#set.url, this.#set.random);
    // A listener's own failure must not be reported to that listener again.
    this.#events = new Emitter<Events>((error) => setTimeout(() => { throw error; }));
    this.#marks = new MarkFinder({
      list: (params) => this.list(params),
      found: (stream, seq) => this.#marked({ [stream]: seq }),
    });
    this.#unwatch = watchBrowser({
      online: () => this.#online(),
      offline: () => this.#offline(),
      visible: () => this.#link?.check(),
      leaving: () => this.#save(),
    });
    void this.#connect();
  }

  get state(): State {
    return this.#state;
  }

  /** Who the person is; undefined until the first connect. */
  get me(): Me | undefined {
    return this.#state.name === "live" ? this.#state.session.me : undefined;
  }

  /** The newest counts; undefined until the first connect. */
  get unreadNow(): Unread | undefined {
    return this.#unread;
  }

  /** The origin of the node that the socket is on, or goes to next: send HTTP calls there. */
  get origin(): string {
    return this.#nodes.origin;
  }

  /** Where the person's streams stand, in the hub's order. */
  get streams(): StreamState[] {
    return this.#positions.streams;
  }

  stream(name: string): StreamState | undefined {
    return this.#positions.stream(name);
  }

  get cursor(): Cursor {
    return this.#positions.cursor;
  }

  /** Adds a listener and returns what removes it. */
  on<K extends keyof Events>(name: K, listener: (value: Events[K]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /** Fetches a page of the timeline, newest first. */
  async list(params: ListParams = {}): Promise<Page> {
    return readPage(await this.#call("timeline.list", params));
  }

  /** Marks a stream read up to and with `seq`. Resolves to the counts after it. */
  async read(stream: string, seq: number): Promise<Unread> {
    const unread = readUnread(await this.#call("timeline.read", { stream, seq }));
    this.#marked({ [stream]: seq });
    this.#counted(unread);
    return unread;
  }

  /** Marks everything read. Resolves to the counts after it. */
  async readAll(): Promise<Unread> {
    const heads = this.streams.map(({ stream, head }) => [stream, head] as const);
    const unread = readUnread(await this.#call("timeline.read", { all: true }));
    this.#marked(Object.fromEntries(heads));
    this.#counted(unread);
    return unread;
  }

  /** Asks for the counts. */
  async unread(): Promise<Unread> {
    const unread = readUnread(await this.#call("unread", {}));
    this.#counted(unread);
    return unread;
  }

  /**
   * Gets a new token from the provider and gives it to the hub over the open
   * socket. With it may come other rights: streams are joined and left.
   */
  async refresh(): Promise<void> {
    const token = await this.#set.token(this.origin);
    const cursor = fitCursor(this.#positions.left, cursorBytes);
    const session = readSession(await this.#call("refresh", { token, cursor }));
    if (session.nodes) this.#nodes.learn(session.nodes);
    this.#planRefresh(token);
    this.#welcomed(session, { ...this.#positions.cursor, ...cursor });
  }

  /** Ends a wait for the next attempt. */
  retryNow(): void {
    if (this.#state.name === "retrying") void this.#connect();
  }

  /** Ends the client for good. */
  close(): void {
    this.#stop(1000, "closed");
  }

  // Connecting.

  async #connect(): Promise<void> {
    clearTimeout(this.#retryTimer);
    const turn = ++this.#turn;
    this.#setState({ name: "connecting", attempt: this.#attempt });
    this.#attemptTimer = setTimeout(() => this.#abandon(turn, "no answer"), this.#set.connectTimeout);
    try {
      const token = await this.#set.token(this.origin);
      if (turn !== this.#turn) return;
      this.#become(tokenFacts(token).person);
      this.#open(turn, token);
    } catch (thrown) {
      if (turn !== this.#turn) return;
      if (thrown instanceof SignedOutError) this.#stop(4500, thrown.message);
      else this.#lost(turn, 1006, asError(thrown).message);
    }
  }

  #open(turn: number, token: string): void {
    const rpc = new Rpc((frame) => link.send(frame));
    const link: Link = new Link(this.#set.WebSocket, this.#nodes.current, {
      opened: () => void this.#greet(turn, token),
      frame: (data) => this.#frame(rpc, data),
      lost: (code, why) => this.#lost(turn, code, why),
    });
    this.#rpc = rpc;
    this.#link = link;
  }

  async #greet(turn: number, token: string): Promise<void> {
    const { rpc, link } = { rpc: this.#rpc, link: this.#link };
    if (!rpc || !link) return;
    const sent = fitCursor(this.#positions.places, cursorBytes);
    try {
      const answer = await rpc.call("connect", { token, cursor: sent }, this.#set.connectTimeout);
      if (turn === this.#turn) this.#begin(readSession(answer), sent, token, link);
    } catch (thrown) {
      if (turn === this.#turn) this.#refused(turn, thrown);
    }
  }

  #begin(session: Session, sent: Cursor, token: string, link: Link): void {
    clearTimeout(this.#attemptTimer);
    this.#liveSince = Date.now();
    this.#nodes.learn(session.nodes ?? []);
    this.#become(session.me.admin);
    this.#planRefresh(token);
    this.#welcomed(session, sent);
    link.watch(session.heartbeatMs * silentBeats);
  }

  #welcomed(session: Session, sent: Cursor): void {
    if (this.#saveTimer !== undefined) this.#save(); // what was seen of streams that are left now
    const { gaps, marks } = this.#positions.connected(session.streams, sent);
    // Versions are compared only while the streams are the same ones.
    this.#unread = {
      ...session.unread,
      streams: Object.fromEntries(session.streams.filter((s) => s.unread > 0).map((s) => [s.stream, s.unread])),
    };
    this.#marks.clear();
    this.#planSave();
    this.#setState({ name: "live", session });
    this.#events.emit("unread", this.#unread);
    if (Object.keys(marks).length > 0) this.#events.emit("marks", marks);
    for (const gap of gaps) this.#events.emit("gap", gap);
  }

  /** The hub's close code says why better than its answer, so wait for it a moment. */
  #refused(turn: number, thrown: unknown): void {
    const error = asError(thrown);
    if (thrown instanceof BongsuError && thrown.temporary) {
      this.#abandon(turn, error.message);
      return;
    }
    this.#attemptTimer = replace(this.#attemptTimer, () => {
      if (turn !== this.#turn) return;
      this.#link?.end(1000, "refused");
      this.#stop(4500, error.message);
    }, refusalGrace);
  }

  #abandon(turn: number, why: string): void {
    if (turn !== this.#turn) return;
    if (this.#link) this.#link.end(1006, why);
    else this.#lost(turn, 1006, why);
  }

  #lost(turn: number, code: number, why: string): void {
    if (turn !== this.#turn) return;
    this.#turn++;
    this.#release(why || `connection lost (${code})`);
    const verdict = closeVerdict(code);
    if (verdict === "stop") {
      this.#stop(code, why);
      return;
    }
    const lasted = this.#liveSince === undefined ? -1 : Date.now() - this.#liveSince;
    this.#liveSince = undefined;
    // A hub that says "restarting" or "expired" at the very greeting is no reason to hurry.
    if (lasted >= stableAfter || (lasted >= 0 && verdict === "promptly")) this.#attempt = 0;
    if (lasted >= stableAfter) this.#nodes.lasted();
    const fresh = blamesNode(code) && this.#nodes.leave();
    const attempt = this.#attempt++;
    this.#retryIn(backoffDelay(fresh ? 0 : attempt, this.#set.backoff, this.#set.random), why);
  }

  #retryIn(delay: number, why: string): void {
    const offline = typeof navigator !== "undefined" && "onLine" in navigator && !navigator.onLine;
    this.#retryTimer = replace(this.#retryTimer, () => void this.#connect(), delay);
    this.#setState({ name: "retrying", attempt: this.#attempt, at: Date.now() + delay, offline, why });
  }

  /** Lets go of the connection and all that waits for it. */
  #release(why: string): void {
    for (const timer of [this.#attemptTimer, this.#refreshTimer, this.#retryTimer]) clearTimeout(timer);
    const rpc = this.#rpc;
    this.#link = this.#rpc = undefined;
    this.#marks.clear();
    rpc?.fail(why);
  }

  #stop(code: number, why: string): void {
    if (this.#state.name === "closed") return;
    this.#turn++;
    this.#unwatch();
    this.#save();
    const link = this.#link;
    this.#release("closed");
    link?.end(1000, "bye");
    this.#setState({ name: "closed", code, why });
  }

  // What the hub sends.

  #frame(rpc: Rpc, data: unknown): void {
    try {
      const push = rpc.receive(data);
      if (push) this.#pushed(push);
    } catch (thrown) {
      this.#events.emit("warning", asError(thrown));
    }
  }

  #pushed({ method, params }: Push): void {
    switch (method) {
      case "entry":
        this.#entry(params);
        break;
      case "unread":
        this.#counted(readUnread(params));
        break;
      case "gap":
        this.#gap(readGap(params));
        break;
      // Heartbeats are heard by being received; anything else is of a newer hub.
    }
  }

  #entry(params: unknown): void {
    const entry = readEntry(params);
    const { fresh, gap } = this.#positions.entry(entry.stream, entry.seq);
    if (!fresh) return;
    this.#planSave();
    if (gap) this.#events.emit("gap", gap);
    this.#events.emit("entry", entry);
  }

  #gap(gap: Gap): void {
    this.#positions.gap(gap);
    if (gap.reason === "reset" && this.#unread) this.#unread = { ...this.#unread, version: 0 }; // versions begin anew
    this.#planSave();
    this.#events.emit("gap", gap);
  }

  #counted(unread: Unread): void {
    if (this.#unread && unread.version < this.#unread.version) return;
    this.#unread = unread;
    this.#marks.look(this.#positions.unread(unread));
    this.#events.emit("unread", unread);
  }

  #marked(marks: Record<string, number>): void {
    const news: Record<string, number> = {};
    for (const [stream, seq] of Object.entries(marks)) {
      if (this.#positions.marked(stream, seq)) news[stream] = this.#positions.stream(stream)?.read ?? seq;
    }
    if (Object.keys(news).length > 0) this.#events.emit("marks", news);
  }

  // Calls, token, cursor.

  #call(method: string, params: unknown): Promise<unknown> {
    if (this.#state.name !== "live" || !this.#rpc) {
      return Promise.reject(new BongsuError(`${method}: not connected`, 0, true));
    }
    return this.#rpc.call(method, params, this.#set.callTimeout);
  }

  #planRefresh(token: string): void {
    clearTimeout(this.#refreshTimer);
    const { expires } = tokenFacts(token);
    // A token that has all but run out was not renewed: the hub will say 4003.
    if (expires === undefined || expires - Date.now() < 1_000) return;
    const delay = refreshDelay(expires, Date.now(), this.#set.random);
    this.#refreshTimer = setTimeout(() => {
      this.refresh().catch((thrown: unknown) => {
        this.#events.emit("warning", asError(thrown));
        if (this.#state.name === "live") this.#planRefresh(token);
      });
    }, Math.min(delay, maxTimer));
  }

  /** Takes up the person's stored cursor, unless it is the same person still. */
  #become(person: string | undefined): void {
    if (person === undefined || person === this.#person) return;
    // Until now the token did not say who it is: keep what has been seen since.
    const own = this.#person === undefined ? this.cursor : {};
    this.#person = person;
    this.#positions.start({ ...this.#set.cursorStore.load(person), ...own });
  }

  #planSave(): void {
    this.#saveTimer ??= setTimeout(() => this.#save(), saveEvery);
  }

  #save(): void {
    clearTimeout(this.#saveTimer);
    this.#saveTimer = undefined;
    if (this.#person === undefined) return;
    const { cursorStore } = this.#set;
    const { cursor, reset } = this.#positions;
    if (Object.keys(cursor).length === 0) return;
    cursorStore.save(this.#person, mergeCursors(cursorStore.load(this.#person), cursor, reset));
    reset.clear();
  }

  // What the browser says.

  #online(): void {
    if (this.#state.name === "retrying") this.#retryIn(this.#set.random() * 1_000, "online");
    if (this.#state.name !== "live") return;
    // The old connection may be dead without anybody knowing: ask.
    const turn = this.#turn;
    this.unread().catch(() => this.#abandon(turn, "no answer after coming online"));
  }

  #offline(): void {
    if (this.#state.name === "retrying") this.#setState({ ...this.#state, offline: true });
  }

  #setState(state: State): void {
    this.#state = state;
    this.#events.emit("state", state);
  }
}

type Timer = ReturnType<typeof setTimeout> | undefined;

function replace(timer: Timer, run: () => void, delay: number): Timer {
  clearTimeout(timer);
  return setTimeout(run, delay);
}

/** Connects to a hub. Throws a BongsuError at once when the options are wrong. */
export function connect(options: Options): Client {
  return new Client(options);
}
