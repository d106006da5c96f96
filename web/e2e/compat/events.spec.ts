import type { Page } from "@playwright/test";
import { EventSource as NodeEventSource } from "eventsource";
import type { Hub } from "../hub.ts";
import { expect, fresh, test } from "./site.ts";

/** What an EventSource has got: the events by name, and how often it was opened. */
interface Got {
  opened: number;
  messages: string[];
  connects: string[];
  orders: string[];
}

/** Follows a URL as a page does: the same in a browser and in Node. */
function follow(EventSource: typeof NodeEventSource, url: string): Got & { source: NodeEventSource } {
  const source = new EventSource(url);
  const got = { opened: 0, messages: [] as string[], connects: [] as string[], orders: [] as string[], source };
  source.onopen = () => void got.opened++;
  source.onmessage = ({ data }) => void got.messages.push(data);
  source.addEventListener("connect", ({ data }) => void got.connects.push(data));
  source.addEventListener("order", ({ data }) => void got.orders.push(data));
  return got;
}

type Source = () => Promise<Got>;

async function inBrowser(page: Page, origin: string, url: string): Promise<Source> {
  await page.goto(origin);
  await page.evaluate(({ follow, url }) => {
    const all = globalThis as unknown as { got: Got };
    all.got = new Function("EventSource", "url", `return (${follow})(EventSource, url)`)(EventSource, url);
  }, { follow: follow.toString(), url });
  return () => page.evaluate(() => {
    const { opened, messages, connects, orders } = (globalThis as unknown as { got: Got }).got;
    return { opened, messages, connects, orders };
  });
}

/** Waits until both sources have got what the check wants. */
async function wantBoth(sources: Source[], pick: (got: Got) => unknown, want: unknown): Promise<void> {
  for (const source of sources) await expect.poll(async () => pick(await source()), { timeout: 40_000 }).toEqual(want);
}

const titles = ({ messages }: Got) => messages.map((data) => (JSON.parse(data) as { title: string }).title);

async function restart(hub: Hub, signal: NodeJS.Signals): Promise<void> {
  await hub.down(signal);
  await hub.up();
}

test("EventSource, a browser's and Node's, resumes by its last event id over restarts", async ({ hub, site, page }) => {
  test.setTimeout(120_000);
  const [admin, mall] = [fresh(), fresh()];
  const url = `${hub.url}/notifications?access_token=${await hub.token(admin, [mall])}`;
  const node = follow(NodeEventSource, url);
  const sources = [async () => node, await inBrowser(page, site.url, url)];
  await wantBoth(sources, ({ opened }) => opened, 1);
  const post = (...titles: string[]) => hub.post(titles.map((title, i) => ({
    type: "NOTICE", title, target: i % 2 ? `admin:${admin}` : `mall:${mall}`,
  })));
  await post("하나");
  await wantBoth(sources, titles, ["하나"]);
  await post("둘");
  await restart(hub, "SIGTERM");
  await post("셋"); // perhaps before they are back
  await wantBoth(sources, titles, ["하나", "둘", "셋"]);
  await post("넷");
  await restart(hub, "SIGKILL");
  await post("다섯");
  await wantBoth(sources, titles, ["하나", "둘", "셋", "넷", "다섯"]);
  node.source.close();
});

test("a mart's page gets its order alarms, and misses none over a restart", async ({ hub, site, page }) => {
  test.setTimeout(120_000);
  const [admin, mart, other] = [fresh(), fresh(), fresh()];
  const token = await hub.token(admin, [mart]);
  const alarms = (mart: string) => `${hub.url}/notifications/orders?mart=${mart}&access_token=${token}`;
  expect((await fetch(alarms(other))).status).toBe(403);
  expect((await fetch(`${hub.url}/notifications/orders?mart=${mart}`)).status).toBe(401);
  const node = follow(NodeEventSource, alarms(mart));
  const sources = [async () => node, await inBrowser(page, site.url, alarms(mart))];
  await wantBoth(sources, ({ connects }) => connects, ["connected"]);
  const order = (orderId: number, mall = mart) => ({ type: "ORDER_PLACED", target: `mall:${mall}`, title: "새 주문", data: { orderId } });
  await hub.post([order(76, other), order(77), { type: "NOTICE", target: `mall:${mart}`, title: "공지" }, order(78)]);
  await wantBoth(sources, ({ orders }) => orders, ["77 주문 발생", "78 주문 발생"]);
  await restart(hub, "SIGKILL");
  await hub.post([order(79)]);
  await wantBoth(sources, ({ orders }) => orders, ["77 주문 발생", "78 주문 발생", "79 주문 발생"]);
  await wantBoth(sources, ({ connects, messages }) => [connects, messages], [["connected", "connected"], []]);
  node.source.close();
});
