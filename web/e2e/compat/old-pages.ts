import { createRequire } from "node:module";
import type { Browser, BrowserContext, Page } from "@playwright/test";
import { WebSocket } from "ws";
import "./old-page.js";

/** A MESSAGE as a page's subscription got it. */
export interface Message {
  at: string;
  body: string;
  stream: string;
  seq: number;
}

/** What a page has seen so far. */
export interface Seen {
  connects: number;
  closes: number;
  transport: string;
  messages: Message[];
  errors: string[];
}

/** What old-page.js takes. */
export interface Options {
  url: string;
  library: string;
  /** "ws" for a plain WebSocket, else what SockJS may use; all of it where this is absent. */
  transports?: string | string[];
  token: string;
  admin: string;
  mall: string;
  /** Further destinations by name. */
  foreign?: Record<string, string>;
  /** Do not reconnect. */
  once?: boolean;
}

/** Where pages run: a browser, or Node. */
export interface Place {
  open(transport: string, options: Options): Promise<OldPage>;
  close(): Promise<void>;
}

export interface OldPage {
  seen(): Promise<Seen>;
}

type Opened = Seen & { end(): void };
type OpenOldPage = (libraries: object, options: Options) => Opened;

/** A failure ends a browser's WebSocket, and no process. */
class QuietWebSocket extends WebSocket {
  constructor(url: string, protocols: string[]) {
    super(url, protocols);
    this.on("error", () => {});
  }
}

/** Pages that run in this process. */
export class NodePlace implements Place {
  readonly #libraries: object;
  readonly #pages: Opened[] = [];

  constructor() {
    const load = createRequire(import.meta.url);
    this.#libraries = {
      SockJS: load("sockjs-client"), WebSocket: QuietWebSocket, Stomp: load("stompjs"), StompJs: load("@stomp/stompjs"),
    };
  }

  async open(transport: string, options: Options): Promise<OldPage> {
    const open = (globalThis as unknown as { openOldPage: OpenOldPage }).openOldPage;
    const page = open(this.#libraries, { ...options, transports: transport === "ws" ? "ws" : [transport] });
    this.#pages.push(page);
    return { seen: async () => page };
  }

  async close(): Promise<void> {
    for (const page of this.#pages) page.end();
  }
}

/** The transports of SockJS in the order in which its client tries them. */
const fallbacks = ["websocket", "xhr-streaming", "eventsource", "xhr-polling"];

/** Pages in Chromium, of the older back office's origin. A page whose transport is
 * not SockJS's first is in a browser that may not use those before: its client finds
 * out by itself. */
export class BrowserPlace implements Place {
  readonly #browser: Browser;
  readonly #site: string;
  readonly #contexts: BrowserContext[] = [];

  constructor(browser: Browser, site: { url: string }) {
    this.#browser = browser;
    this.#site = site.url;
  }

  async open(transport: string, options: Options): Promise<OldPage> {
    const context = await this.#browser.newContext();
    this.#contexts.push(context);
    const page = await context.newPage();
    await forbid(page, fallbacks.slice(0, Math.max(0, fallbacks.indexOf(transport))));
    await page.goto(this.#site);
    await page.evaluate((options) => {
      const all = globalThis as unknown as { page: Seen; openOldPage: OpenOldPage };
      all.page = all.openOldPage(globalThis, options);
    }, transport === "ws" ? { ...options, transports: "ws" } : options);
    return {
      seen: () => page.evaluate(() => {
        const { connects, closes, transport, messages, errors } = (globalThis as unknown as { page: Seen }).page;
        return { connects, closes, transport, messages, errors };
      }),
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#contexts.map((context) => context.close()));
  }
}

/** Keeps a page from what a careless proxy breaks. */
async function forbid(page: Page, transports: string[]): Promise<void> {
  for (const transport of transports) {
    if (transport === "websocket") await page.routeWebSocket(/./, (ws) => ws.close({ code: 1011 }));
    else await page.route(`**/${transport.replace("-", "_")}**`, (route) => route.abort());
  }
}
