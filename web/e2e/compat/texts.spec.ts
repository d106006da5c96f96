import type { BrowserContext, Page } from "@playwright/test";
import type { Hub } from "../hub.ts";
import { expect, test } from "./site.ts";

/** The proof of concept's page: texts as events and as frames, and both ways to publish. */
const html = `<!doctype html><meta charset="utf-8"><script>
  const id = encodeURIComponent(new URLSearchParams(location.search).get("id"));
  const page = { events: [], frames: [], opened: 0 };
  const source = new EventSource("/notifications?id=" + id);
  source.onopen = () => page.opened++;
  source.onmessage = ({ data }) => page.events.push(data);
  let socket;
  (function connect() {
    socket = new WebSocket("ws://" + location.host + "/ws?id=" + id);
    socket.onmessage = ({ data }) => page.frames.push(data);
    socket.onclose = () => setTimeout(connect, 1000);
  })();
  const produce = (query) => fetch("/produce" + query).then(async (res) => [res.status, res.headers.get("content-type"), await res.text()]);
</script>`;

declare const page: { events: string[]; frames: string[]; opened: number };
declare const socket: WebSocket;
declare const produce: (query: string) => Promise<[number, string, string]>;

class TextPage {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  /** Opens the page of an id, and waits until it gets texts both ways. */
  static async open(context: BrowserContext, hub: Hub, id: string): Promise<TextPage> {
    const tab = await context.newPage();
    // Its own server served the page too: one of the hub's own origin stands in for it.
    await tab.goto(`${hub.url}/healthz?id=${encodeURIComponent(id)}`);
    await tab.setContent(html);
    const opened = new TextPage(tab);
    await opened.live(1);
    return opened;
  }

  async live(times: number): Promise<void> {
    await expect.poll(() => this.#page.evaluate(() => [page.opened, socket.readyState]), { timeout: 40_000 }).toEqual([times, 1]);
  }

  say(text: string): Promise<void> {
    return this.#page.evaluate((text) => socket.send(text), text);
  }

  produce(query: string): Promise<[number, string, string]> {
    return this.#page.evaluate((query) => produce(query), query);
  }

  async wantEvents(...texts: string[]): Promise<void> {
    await expect.poll(() => this.#page.evaluate(() => page.events), { timeout: 20_000 }).toEqual(texts);
  }

  async wantFrames(...texts: string[]): Promise<void> {
    await expect.poll(() => this.#page.evaluate(() => page.frames), { timeout: 20_000 }).toEqual(texts);
  }
}

/** Waits for a text's turn: texts of one page keep their order, those of several pages need not. */
async function inTurn(pages: TextPage[], seen: string[][], text: string, gets: boolean[], publish: () => Promise<unknown>): Promise<void> {
  await publish();
  for (const [i, tab] of pages.entries()) {
    if (gets[i]) seen[i]!.push(text);
    await tab.wantEvents(...seen[i]!);
    await tab.wantFrames(...seen[i]!);
  }
}

test("the proof of concept's pages get the texts that are theirs, as they were published", async ({ hub, context }) => {
  const ids = ["kim@example.com", "kim@example.com", "12", "1"];
  const pages = await Promise.all(ids.map((id) => TextPage.open(context, hub, id)));
  const seen: string[][] = ids.map(() => []);
  const [kim, , twelve, one] = pages as [TextPage, TextPage, TextPage, TextPage];
  const everybody = [true, true, true, true];
  await inTurn(pages, seen, "all:모두에게", everybody, () => kim.say("all:모두에게"));
  await inTurn(pages, seen, "kim@example.com:me:나에게", [true, true, false, false], () => kim.say("kim@example.com:me:나에게"));
  await inTurn(pages, seen, "12:all:모두 \u{1F525}", everybody, () => twelve.say("12:all:모두 \u{1F525}"));
  await inTurn(pages, seen, "12:열둘", [false, false, true, false], () => one.say("12:열둘"));
  await inTurn(pages, seen, "1:see all: of it", [false, false, false, true], () => twelve.say("1:see all: of it"));
  await inTurn(pages, seen, "여러\n줄", everybody, () => one.say("여러\n줄"));
  await inTurn(pages, seen, "all:새 공지 내용", everybody, () => hub.post([{ type: "NOTICE", target: "all", title: "새 공지", body: "내용" }]));
  await inTurn(pages, seen, "12:제목", [false, false, true, false], () => hub.post([{ type: "NOTICE", target: "admin:12", title: "제목" }]));
  await inTurn(pages, seen, "all:a b+c&d", everybody, async () => {
    const [status, type, offset] = await kim.produce(`?msg=${encodeURIComponent("all:a b+c&d")}`);
    expect([status, type]).toEqual([200, expect.stringMatching(/^text\/plain/)]);
    expect(offset).toMatch(/^\d+$/);
  });
  expect((await kim.produce(""))[0]).toBe(400);
});

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  test(`the proof of concept's events go on after a restart (${signal}), and miss nothing`, async ({ hub, context }) => {
    test.setTimeout(90_000);
    const id = `restart.${signal}`;
    const tab = await TextPage.open(context, hub, id);
    await tab.say(`${id}:하나`);
    await tab.wantEvents(`${id}:하나`);
    await hub.down(signal);
    await hub.up();
    await hub.post([{ type: "NOTICE", target: `admin:${id}`, title: "둘" }]); // perhaps before the page is back
    await tab.live(2);
    await tab.say(`${id}:셋`);
    await tab.wantEvents(`${id}:하나`, `${id}:둘`, `${id}:셋`);
  });
}
