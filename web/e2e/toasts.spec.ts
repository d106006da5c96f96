import { Console, expect, somebody, test } from "./console.ts";

test("at most three toasts, each for five seconds", async ({ browser, hub }) => {
  const person = somebody();
  const console = await Console.open(browser, hub, person);
  const { page } = console;
  // Every change of the stack, with its time, so that nothing is missed between two looks.
  await page.evaluate(() => {
    const seen: { at: number; keys: string[] }[] = [];
    Object.assign(window, { seen });
    const look = () => seen.push({
      at: performance.now(),
      keys: [...document.querySelectorAll("[data-testid=toast]")].map((toast) => toast.getAttribute("data-seq") ?? ""),
    });
    new MutationObserver(look).observe(document.querySelector("[data-testid=toasts]")!, { childList: true, subtree: true });
  });
  await hub.post(Array.from({ length: 5 }, (_, i) => ({ target: `admin:${person.admin}`, title: `알림 ${i + 1}` })));
  await expect(console.toasts).toHaveCount(3);
  await expect(console.entries).toHaveCount(5);
  await expect(console.toast("알림 5")).toBeVisible();
  await expect(console.toasts).toHaveCount(0, { timeout: 15_000 });
  const seen = await page.evaluate(() => (window as unknown as { seen: { at: number; keys: string[] }[] }).seen);
  expect(Math.max(...seen.map(({ keys }) => keys.length))).toBe(3);
  for (const seq of ["1", "2", "3", "4", "5"]) {
    const shown = seen.filter(({ keys }) => keys.includes(seq));
    expect(shown, `toast ${seq}`).not.toHaveLength(0);
    const gone = seen.find(({ at, keys }) => at > shown.at(-1)!.at && !keys.includes(seq))!;
    const lasted = gone.at - shown[0]!.at;
    expect(lasted, `toast ${seq}`).toBeGreaterThan(4_500);
    expect(lasted, `toast ${seq}`).toBeLessThan(7_000);
  }
  await console.close();
});

test("a burst is counted, not shown one by one", async ({ browser, hub }) => {
  const person = somebody();
  const console = await Console.open(browser, hub, person);
  await hub.post(Array.from({ length: 12 }, (_, i) => ({ target: `admin:${person.admin}`, title: `한꺼번에 ${i}` })));
  await expect(console.page.getByTestId("toasts-more")).toBeVisible();
  await expect(console.toasts).toHaveCount(3);
  await expect(console.entries).toHaveCount(12);
  await console.close();
});

test("a click on a toast opens its link and reads the entry", async ({ browser, hub }) => {
  const person = somebody();
  const console = await Console.open(browser, hub, person);
  await hub.post([{ target: `admin:${person.admin}`, title: "링크가 있는 주문", link: "/healthz?order=20261120-0001" }]);
  const opened = console.page.context().waitForEvent("page");
  await console.toast("링크가 있는 주문").getByTestId("toast-open").click();
  const tab = await opened;
  await tab.waitForURL("**/healthz?order=20261120-0001");
  await expect(console.toasts).toHaveCount(0);
  await console.wantUnread(0);
  await console.close();
});

test("a toast can be dismissed, which reads nothing", async ({ browser, hub }) => {
  const person = somebody();
  const console = await Console.open(browser, hub, person);
  await hub.post([{ target: `admin:${person.admin}`, title: "닫을 알림" }]);
  await console.toast("닫을 알림").getByTestId("toast-dismiss").click();
  await expect(console.toasts).toHaveCount(0);
  await console.wantUnread(1);
  await console.close();
});
