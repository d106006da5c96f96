import { Console, expect, somebody, test } from "./console.ts";

test("an operator sees the node, its shards and its sessions", async ({ browser, hub }) => {
  const console = await Console.open(browser, hub, somebody());
  const { page } = console;
  await page.getByTestId("cluster-open").click();
  await expect(page.getByTestId("member")).toHaveCount(1);
  await expect(page.getByTestId("member")).toHaveAttribute("data-shards", "64");
  await expect(page.getByTestId("member-here")).toBeVisible();
  await expect(page.getByTestId("shard")).toHaveCount(64);
  await expect(page.locator('[data-testid="shard"][data-owner]')).toHaveCount(64);
  await expect(page.getByTestId("cluster-unowned")).toHaveAttribute("data-value", "0");
  await page.getByTestId("member").getByRole("button").click();
  await expect(page.getByTestId("member-details")).toContainText("0–63");
  await console.close();
});

test("the cluster has an address of its own, and C is its key", async ({ browser, hub }) => {
  const person = somebody();
  const console = await Console.open(browser, hub, person);
  const { page } = console;
  await page.keyboard.press("c");
  await expect(page.getByTestId("cluster")).toBeVisible();
  await page.reload();
  await expect(page.getByTestId("member")).toHaveCount(1);
  await page.goBack();
  await expect(page.getByTestId("timeline")).toBeVisible();
  await page.goForward();
  await expect(page.getByTestId("cluster")).toBeVisible();
  await hub.post([{ target: `admin:${person.admin}`, title: "그동안 온 소식" }]);
  await console.toast("그동안 온 소식").getByTestId("toast-open").click();
  await expect(console.entry("그동안 온 소식")).toBeVisible();
  await console.close();
});

test("the page says so while the hub is away, and goes on after it", async ({ browser, hub }) => {
  const console = await Console.open(browser, hub, somebody());
  const { page } = console;
  await page.getByTestId("cluster-open").click();
  await expect(page.getByTestId("member")).toHaveCount(1);
  await hub.down();
  await expect(page.getByTestId("cluster-error")).toBeVisible();
  await expect(page.getByTestId("member")).toHaveCount(1); // what was known stays readable
  await hub.up();
  await console.live();
  await expect(page.getByTestId("cluster-error")).toBeHidden();
  await console.close();
});
