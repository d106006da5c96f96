import { expect, test as base, type Browser, type BrowserContext, type Locator, type Page } from "@playwright/test";
import { Hub } from "./hub.ts";

/** A person of development mode. */
export interface Person {
  admin: string;
  name?: string;
  malls?: string[];
}

let last = 100;

/** Somebody whom no other test knows, with a mall of their own. */
export function somebody(): Required<Person> {
  last++;
  return { admin: String(last), name: `사람 ${last}`, malls: [`m${last}`] };
}

/** The console in one page. */
export class Console {
  readonly page: Page;
  readonly entries: Locator;
  readonly toasts: Locator;
  readonly badge: Locator;
  readonly connection: Locator;
  readonly #errors: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.on("pageerror", (error) => this.#errors.push(error.message));
    this.entries = page.getByTestId("entry");
    this.toasts = page.getByTestId("toast");
    this.badge = page.getByTestId("unread-badge");
    this.connection = page.getByTestId("connection-state");
  }

  /** Opens a console in a browser session of its own, with what is seen left unread. */
  static async open(browser: Browser, hub: { url: string }, person: Person): Promise<Console> {
    const context: BrowserContext = await browser.newContext();
    await context.addInitScript(() => {
      localStorage.setItem("bongsu.autoRead", "false");
      localStorage.setItem("bongsu.muted", "true");
    });
    const page = await context.newPage();
    const console = new Console(page);
    await page.goto(hub.url);
    await console.signIn(person);
    return console;
  }

  async signIn(person: Person): Promise<void> {
    await this.page.getByTestId("sign-in-admin").fill(person.admin);
    await this.page.getByTestId("sign-in-name").fill(person.name ?? "");
    await this.page.getByTestId("sign-in-malls").fill((person.malls ?? []).join(", "));
    await this.page.getByTestId("sign-in-submit").click();
    await this.live();
    await expect(this.page.getByTestId("me")).toHaveAttribute("data-admin", person.admin);
  }

  async live(): Promise<void> {
    await expect(this.connection).toHaveAttribute("data-state", "live", { timeout: 40_000 });
  }

  entry(text: string): Locator {
    return this.entries.filter({ hasText: text });
  }

  toast(text: string): Locator {
    return this.toasts.filter({ hasText: text });
  }

  /** Waits until the badge says so, and checks that the list of the unread agrees. */
  async wantUnread(total: number): Promise<void> {
    await expect(this.badge).toHaveAttribute("data-total", String(total));
    await expect(this.page.locator('[data-testid="entry"][data-read="false"]')).toHaveCount(total);
  }

  /** The seqs of a stream as listed, newest first. */
  async seqs(stream: string): Promise<number[]> {
    const seqs = await this.page.locator(`[data-testid="entry"][data-stream="${stream}"]`).evaluateAll(
      (rows) => rows.map((row) => Number(row.getAttribute("data-seq"))));
    return seqs;
  }

  /** Ends the browser session; the page must have thrown nothing. */
  async close(): Promise<void> {
    expect(this.#errors).toEqual([]);
    await this.page.context().close();
  }
}

/** Tests with a hub of their file's worker. */
export const test = base.extend<object, { hub: Hub }>({
  hub: [async ({}, use) => {
    const hub = await Hub.start();
    await use(hub);
    await hub.stop();
  }, { scope: "worker" }],
});

export { expect };
