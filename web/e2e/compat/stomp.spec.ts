import type { Browser } from "@playwright/test";
import type { Hub } from "../hub.ts";
import { BrowserPlace, NodePlace, type OldPage, type Options, type Place, type Seen } from "./old-pages.ts";
import { expect, fresh, test, type Site } from "./site.ts";

const libraries = ["stompjs", "@stomp/stompjs"];
const transports = ["ws", "websocket", "xhr-streaming", "eventsource", "xhr-polling"];

interface Client extends Options {
  name: string;
  transport: string;
  page: OldPage;
}

const places: Record<string, (browser: Browser, site: Site) => Place> = {
  Node: () => new NodePlace(),
  Chromium: (browser, site) => new BrowserPlace(browser, site),
};

/** Makes a page want what it may not have. */
const refusals: ((own: Options) => Partial<Options>)[] = [
  () => ({ foreign: { other: "/topic/notification/user/1" } }),
  ({ admin }) => ({ foreign: { other: `/topic/notification/complex/999999/user/${admin}` } }),
  ({ token }) => ({ token: `${token}x` }),
];

/** Opens a page of a person of its own for each library and transport. */
async function openAll(place: Place, hub: Hub, change: (own: Options, i: number) => Partial<Options> = () => ({})): Promise<Client[]> {
  const all = libraries.flatMap((library) => transports.map((transport) => ({ library, transport })));
  return Promise.all(all.map(async ({ library, transport }, i) => {
    const [admin, mall] = [fresh(), fresh()];
    const own: Options = { url: hub.url, library, admin, mall, token: await hub.token(admin, [mall]) };
    const options = { ...own, ...change(own, i) };
    const page = await place.open(transport, options);
    return { ...options, transport, name: `${library} over ${transport}`, page };
  }));
}

/** Waits until each page is as it should be, and says which are not. */
async function wantAll(clients: Client[], is: (seen: Seen) => boolean, timeout = 40_000): Promise<Seen[]> {
  await expect.poll(async () => {
    const late: string[] = [];
    for (const client of clients) if (!is(await client.page.seen())) late.push(client.name);
    return late;
  }, { timeout }).toEqual([]);
  return Promise.all(clients.map(({ page }) => page.seen()));
}

/** Publishes to all pages: two entries for the person's destination and one for the mall's. */
async function publish(hub: Hub, clients: Client[], from: number, to: number): Promise<void> {
  const target = ["all", ...clients.flatMap(({ admin, mall }) => [`admin:${admin}`, `mall:${mall}`])];
  await hub.post(Array.from({ length: to - from }, (_, i) => ({ type: "NOTICE", target, body: `순서 ${from + i}` })));
}

/** What a page got of each stream, in its order. */
function byStream({ messages }: Seen): Record<string, string[]> {
  const got: Record<string, string[]> = {};
  for (const { at, stream, body } of messages) (got[`${at} ${stream}`] ??= []).push(JSON.parse(body).message);
  return got;
}

/** Entries that came again count as repeats of what was seen last. */
function withoutRepeats(got: string[]): string[] {
  return got.filter((message, i) => got.indexOf(message) === i);
}

for (const [name, makePlace] of Object.entries(places)) {
  test.describe(`the older pages in ${name}`, () => {
    let place: Place;
    test.beforeEach(({ browser, site }) => {
      place = makePlace(browser, site);
    });
    test.afterEach(() => place.close());

    test("get both subscriptions, with bodies as the older server wrote them", async ({ hub }) => {
      test.setTimeout(90_000);
      const clients = await openAll(place, hub);
      await wantAll(clients, ({ connects }) => connects === 1);
      const malls = clients.map(({ mall }) => `mall:${mall}`);
      const admins = clients.map(({ admin }) => `admin:${admin}`);
      await hub.post([
        { id: "n123456789", type: "NOTICE", target: admins, body: "새로운 공지사항이 등록되었습니다.",
          at: "2026-01-06T01:30:00Z", data: { clickEventParams: '{"noticeSeq":42}' } },
        { type: "NOTICE", target: "all", title: "제목만 \u2028 \u{1F525} </script>\\ \"'", at: "2026-01-06T15:00:00Z" },
        { type: "MY_OWN_TYPE", target: malls, title: "제목", body: "줄\n바꿈\u0000\u200d", at: "2026-01-06T01:30:00.9Z", data: { orderNo: "7" } },
      ]);
      for (const { admin, mall } of clients) {
        await hub.post([{ id: `n${admin}`, type: "ORDER_PLACED", target: `admin:${admin}`, body: "주문",
          at: "2026-01-06T01:30:00Z", data: { complexSeq: Number(mall) } }]);
      }
      const seen = await wantAll(clients, ({ messages }) => messages.length === 4);
      clients.forEach(({ name, transport, admin, mall }, i) => {
        expect(seen[i]!.transport, name).toBe(transport);
        const userSeq = Number(admin), complexSeq = Number(mall);
        const got = (stream: string) => {
          const found = seen[i]!.messages.filter((message) => message.stream === stream);
          return found.map(({ at, seq, body }) => ({ at, seq, body: JSON.parse(body) as { notificationSeq: number } }));
        };
        const [allSeq, mallSeq] = [got("all")[0]?.seq, got(`mall:${mall}`)[0]?.seq];
        expect(got("all"), name).toEqual([{ at: "user", seq: allSeq, body: {
          notificationSeq: allSeq, userSeq, message: "제목만 \u2028 \u{1F525} </script>\\ \"'",
          createdDatetime: "2026-01-07T00:00:00", code: "NOTICE", name: "공지사항", clickEventParams: "{}" } }]);
        expect(got(`mall:${mall}`), name).toEqual([{ at: "mall", seq: mallSeq, body: {
          notificationSeq: mallSeq, complexSeq, userSeq, message: "줄\n바꿈\u0000\u200d",
          createdDatetime: "2026-01-06T10:30:00", code: "MY_OWN_TYPE", name: "MY_OWN_TYPE", clickEventParams: '{"orderNo":"7"}' } }]);
        const own = got(`admin:${admin}`);
        expect(own.map(({ at, body }) => [at, body]), name).toEqual([
          ["user", { notificationSeq: 123456789, userSeq, message: "새로운 공지사항이 등록되었습니다.",
            createdDatetime: "2026-01-06T10:30:00", code: "NOTICE", name: "공지사항", clickEventParams: '{"noticeSeq":42}' }],
          ["mall", { notificationSeq: userSeq, complexSeq, userSeq, message: "주문",
            createdDatetime: "2026-01-06T10:30:00", code: "ORDER_PLACED", name: "새 주문", clickEventParams: `{"complexSeq":${mall}}` }],
        ]);
        expect(seen[i]!.errors, name).toEqual([]);
      });
    });

    test("are refused what is not theirs, and are told so", async ({ hub }) => {
      test.setTimeout(90_000);
      const clients = await openAll(place, hub, (own, i) => ({ ...refusals[i % refusals.length]!(own), once: true }));
      const seen = await wantAll(clients, ({ errors, closes }) => errors.length > 0 && closes > 0);
      seen.forEach(({ errors, connects, messages }, i) => {
        const { foreign, name } = clients[i]!;
        expect(connects, name).toBe(foreign ? 1 : 0);
        expect(errors, name).toHaveLength(1);
        expect(messages, name).toEqual([]);
      });
    });
  });
}

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  test(`the older pages reconnect by their own loop after a restart (${signal}), and miss nothing`, async ({ hub, browser, site }) => {
    // In Node, sockjs-client finds out that a stream has broken off only when it next sends something.
    test.setTimeout(180_000);
    const both = Object.values(places).map((makePlace) => makePlace(browser, site));
    const clients = (await Promise.all(both.map((place) => openAll(place, hub)))).flat();
    await wantAll(clients, ({ connects }) => connects === 1);
    await publish(hub, clients, 1, 4);
    await wantAll(clients, ({ messages }) => messages.length === 9);
    await publish(hub, clients, 4, 7); // perhaps on their way at the end
    await hub.down(signal);
    await hub.up();
    await publish(hub, clients, 7, 10); // perhaps before the pages are back
    await wantAll(clients, ({ connects }) => connects >= 2, 60_000);
    await publish(hub, clients, 10, 11);
    const seen = await wantAll(clients, (one) => {
      const got = Object.values(byStream(one));
      return got.length === 3 && got.every((messages) => messages.includes("순서 10"));
    });
    const want = Array.from({ length: 10 }, (_, i) => `순서 ${i + 1}`);
    seen.forEach((one, i) => {
      const { name, admin, mall } = clients[i]!;
      const got = byStream(one);
      expect(Object.keys(got).sort(), name).toEqual([`mall mall:${mall}`, `user admin:${admin}`, "user all"]);
      for (const [stream, messages] of Object.entries(got)) {
        // A node that is killed may not have noted the last second's progress.
        expect(signal === "SIGTERM" ? messages : withoutRepeats(messages), `${name}: ${stream}`).toEqual(want);
      }
    });
    await Promise.all(both.map((place) => place.close()));
  });
}
