import { effect, signal } from "@preact/signals";
import { SignedOutError, type Entry } from "../../../client/src/index.ts";
import { streamName, texts } from "../i18n/index.ts";
import { Inbox } from "./inbox.ts";
import { safeLink } from "./links.ts";
import type { Item } from "./list.ts";
import { goTo } from "./page.ts";
import { prefs } from "./prefs.ts";
import { storeSignIn, tokenProvider, type SignIn } from "./session.ts";
import { Player } from "./sound.ts";
import { Toasts } from "./toasts.ts";
import { tuneOf } from "./tunes.ts";

/** Entries older than this (ms) when they arrive are caught up with, not announced. */
const freshFor = 60_000;
/** How long (ms) a line of status stays. */
const statusFor = 4_000;

/** The console: who is signed in, and what they do beyond the list itself. */
export class App {
  readonly inbox = signal<Inbox | undefined>(undefined);
  readonly signIn = signal<SignIn | undefined>(undefined);
  /** Why the last session ended, for the sign-in page; undefined if it was asked for. */
  readonly ended = signal<{ code: number; why: string } | undefined>(undefined);
  readonly status = signal("");
  readonly selected = signal<string | undefined>(undefined);
  readonly expanded = signal<ReadonlySet<string>>(new Set());
  readonly toasts = new Toasts((item) => this.inbox.peek()?.isRead(item.entry) ?? true);
  readonly player = new Player();
  #token = "";
  #statusTimer: ReturnType<typeof setTimeout> | undefined;

  /** Opens the inbox of whoever signs in. */
  enter(signIn: SignIn): void {
    this.leave();
    storeSignIn(signIn);
    const provide = tokenProvider(signIn);
    const inbox = new Inbox({
      token: async (origin) => (this.#token = await provide(origin)),
      arrived: (item) => this.#arrived(item),
    });
    inbox.client.on("state", (state) => {
      if (state.name === "closed" && this.inbox.value === inbox) this.#thrownOut(state.code, state.why);
    });
    this.signIn.value = signIn;
    this.ended.value = undefined;
    this.inbox.value = inbox;
  }

  /** Signs out. */
  leave(): void {
    const inbox = this.inbox.value;
    this.inbox.value = undefined;
    this.signIn.value = undefined;
    this.selected.value = undefined;
    this.expanded.value = new Set();
    this.toasts.clear();
    storeSignIn(undefined);
    inbox?.close();
  }

  get token(): string {
    return this.#token;
  }

  /** Where HTTP calls go and what opens the door there; undefined without a connection. */
  get node(): { origin: string; token: string } | undefined {
    const inbox = this.inbox.peek();
    return inbox?.state.peek().name === "live" ? { origin: inbox.client.origin, token: this.#token } : undefined;
  }

  /** Shows a line of status, which screen readers read out. */
  say(text: string): void {
    clearTimeout(this.#statusTimer);
    this.status.value = text;
    this.#statusTimer = setTimeout(() => (this.status.value = ""), statusFor);
  }

  /** The name of a stream as this person calls it. */
  streamName(stream: string): string {
    return streamName(stream, this.inbox.value?.me.value?.admin ?? "");
  }

  /** The address of an entry's link, if it has one that may be opened. */
  linkOf(entry: Entry): string | undefined {
    return safeLink(entry.link, location.href);
  }

  async readAll(): Promise<void> {
    await this.#try(async () => {
      await this.inbox.value?.readAll();
      this.toasts.clear();
      this.say(texts.value.actions.allReadDone);
    });
  }

  /** Marks everything up to an entry of its stream read, and says how much that was. */
  async readTo(entry: Entry): Promise<void> {
    await this.#try(async () => {
      const count = (await this.inbox.value?.readTo(entry)) ?? 0;
      if (count > 0) this.say(texts.value.actions.readDone(this.streamName(entry.stream), count));
    });
  }

  /** Opens an entry's link in a tab of its own, and marks it read. */
  open(entry: Entry): void {
    const link = this.linkOf(entry);
    if (!link) return;
    window.open(link, "_blank", "noopener,noreferrer");
    void this.readTo(entry);
  }

  /** Selects an entry, and brings it into view. */
  select(key: string): void {
    this.selected.value = key;
    requestAnimationFrame(() => {
      const row = document.querySelector<HTMLElement>(`[data-key="${CSS.escape(key)}"] .row-main`);
      row?.focus({ preventScroll: true });
      row?.scrollIntoView({ block: "nearest" });
    });
  }

  toggle(item: Item): void {
    const expanded = new Set(this.expanded.value);
    if (!expanded.delete(item.key)) {
      expanded.add(item.key);
      this.inbox.value?.look(item.entry);
    }
    this.expanded.value = expanded;
    this.selected.value = item.key;
  }

  /** Shows an entry in the list with its details. */
  reveal(item: Item): void {
    const inbox = this.inbox.value;
    if (!inbox) return;
    goTo("timeline");
    if (!inbox.items.value.some((other) => other.key === item.key)) {
      inbox.show({ stream: null, type: null, unread: false });
    }
    this.expanded.value = new Set([...this.expanded.value, item.key]);
    this.select(item.key);
    void this.readTo(item.entry);
  }

  /** Announces an entry that came just now. */
  #arrived(item: Item): void {
    const { entry } = item;
    const inbox = this.inbox.value;
    const expires = Date.parse(entry.expiresAt ?? "");
    if (expires <= Date.now() || inbox?.isRead(entry)) return;
    if (Date.now() - item.at > freshFor) return;
    this.toasts.add(item);
    const type = entry.type ?? "";
    if (prefs.muted.value || prefs.mutedTypes.value.includes(type) || entry.priority === "low") return;
    this.player.play(tuneOf(type, entry.sound));
  }

  #thrownOut(code: number, why: string): void {
    this.leave();
    this.ended.value = { code, why };
  }

  async #try(run: () => Promise<void>): Promise<void> {
    try {
      await run();
    } catch (thrown) {
      if (thrown instanceof SignedOutError) return;
      this.say(texts.value.actions.failed((thrown as Error).message));
    }
  }
}

/** The one console of this page. */
export const app = new App();

/** Keeps title and icon of the tab in step with the unread count. */
export function followUnread(): void {
  effect(() => {
    const total = app.inbox.value?.unread.value?.total ?? 0;
    document.title = total > 0 ? `(${total}) ${texts.value.brand}` : texts.value.brand;
    document.getElementById("favicon")?.setAttribute("href", total > 0 ? "/favicon-unread.svg" : "/favicon.svg");
  });
}
