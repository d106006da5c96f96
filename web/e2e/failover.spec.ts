import { MockCluster } from "../dev/cluster.mjs";
import { Console, expect, somebody, test as base } from "./console.ts";

const test = base.extend<{ cluster: MockCluster }>({
  cluster: async ({}, use) => {
    const cluster = new MockCluster();
    for (const name of ["node-1", "node-2", "node-3"]) await cluster.start(name);
    await use(cluster);
    for (const name of [...cluster.nodes.keys()]) await cluster.stop(name);
  },
});

for (const [how, code] of [["dies", undefined], ["restarts", 4000]] as const) {
  test(`when its node ${how} the console goes on at another and misses nothing`, async ({ browser, cluster }) => {
    const person = somebody();
    const stream = `mall:${person.malls[0]}`;
    const say = (title: string) => cluster.hub.publish({ targets: [stream], type: "ORDER_PLACED", title });
    const console = await Console.open(browser, cluster.nodes.get("node-1")!, person);
    say("순서 1.");
    await expect(console.entry("순서 1.")).toBeVisible();
    await cluster.stop("node-1", code);
    say("순서 2."); // nobody is connected
    await expect(console.entry("순서 2.")).toBeVisible({ timeout: 10_000 });
    await console.live();
    say("순서 3.");
    await expect(console.entry("순서 3.")).toBeVisible();
    expect(await console.seqs(stream)).toEqual([3, 2, 1]);
    await console.close();
  });
}

test("calls go where the socket is, and the cluster page shows who took over", async ({ browser, cluster }) => {
  const console = await Console.open(browser, cluster.nodes.get("node-1")!, somebody());
  const { page } = console;
  await page.getByTestId("cluster-open").click();
  await expect(page.getByTestId("member")).toHaveCount(3);
  await cluster.stop("node-1");
  await expect(page.getByTestId("member")).toHaveCount(2);
  await expect(page.getByTestId("member-here")).toHaveCount(1);
  await expect(page.locator('[data-testid="shard"][data-owner="node-1"]')).toHaveCount(0);
  await expect(page.locator('[data-testid="shard"][data-moved="true"]').first()).toBeVisible();
  await expect(page.locator('[data-testid="move"][data-from="node-1"]').first()).toBeVisible();
  await page.getByTestId("publish-toggle").click();
  await page.locator("input[name=title]").fill("다른 노드로");
  await page.getByTestId("publish-submit").click();
  await expect(console.toast("다른 노드로")).toBeVisible();
  await console.close();
});

test("no token goes to an address that the hub did not name", async ({ browser, cluster }) => {
  const console = await Console.open(browser, cluster.nodes.get("node-1")!, somebody());
  const known = new Set([...cluster.nodes.values()].map(({ url }) => new URL(url).host));
  const hosts = new Set<string>();
  console.page.on("request", (request) => hosts.add(new URL(request.url()).host));
  console.page.on("websocket", (socket) => hosts.add(new URL(socket.url()).host));
  for (const name of ["node-1", "node-2"]) {
    await cluster.stop(name);
    await expect(console.connection).not.toHaveAttribute("title", new RegExp(name));
    await console.live();
  }
  expect(hosts.size).toBeGreaterThan(0);
  expect([...hosts].filter((host) => !known.has(host))).toEqual([]);
  await console.close();
});
