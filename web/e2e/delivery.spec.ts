import { Console, expect, somebody, test } from "./console.ts";

test("an event from the publish panel appears as toast and entry", async ({ browser, hub }) => {
  const person = somebody();
  const console = await Console.open(browser, hub, person);
  const { page } = console;
  await page.getByTestId("publish-toggle").click();
  await page.getByTestId("publish-targets").fill(`mall:${person.malls[0]}`);
  await page.locator("input[name=title]").fill("패널에서 온 주문");
  await page.getByTestId("publish-submit").click();
  await expect(page.getByTestId("publish-answer")).toHaveAttribute("data-ok", "true");
  await expect(console.toast("패널에서 온 주문")).toBeVisible();
  await expect(console.entry("패널에서 온 주문")).toBeVisible();
  await console.wantUnread(1);
  await console.close();
});

test("an event from Kafka appears as toast and entry", async ({ browser, hub }) => {
  const person = somebody();
  const console = await Console.open(browser, hub, person);
  await hub.publish({ target: `admin:${person.admin}`, title: "명령으로 보낸 알림", body: "본문 한 줄", link: "/orders/1" });
  await expect(console.toast("명령으로 보낸 알림")).toContainText("본문 한 줄");
  const entry = console.entry("명령으로 보낸 알림");
  await expect(entry).toHaveAttribute("data-stream", `admin:${person.admin}`);
  await expect(entry).toHaveAttribute("data-read", "false");
  await entry.getByRole("button").first().click();
  await expect(entry.getByTestId("entry-details")).toContainText("본문 한 줄");
  await console.close();
});

test("text from outside is shown as text, and a script link is no link", async ({ browser, hub }) => {
  const person = somebody();
  const console = await Console.open(browser, hub, person);
  const alerts: string[] = [];
  console.page.on("dialog", (dialog) => { alerts.push(dialog.message()); void dialog.dismiss(); });
  await hub.post([{ target: `admin:${person.admin}`, title: "<img src=x onerror=alert(1)>", body: "<b>굵게</b>", link: "javascript:alert(2)" }]);
  const entry = console.entry("<img src=x onerror=alert(1)>");
  await expect(entry).toBeVisible();
  await entry.getByRole("button").first().click();
  await expect(entry.getByTestId("entry-details")).toContainText("<b>굵게</b>");
  await expect(entry.getByTestId("entry-link")).toHaveCount(0);
  expect(alerts).toEqual([]);
  await console.close();
});

test("another mall's events do not appear", async ({ browser, hub }) => {
  const [person, other] = [somebody(), somebody()];
  const console = await Console.open(browser, hub, person);
  await hub.post([
    { target: `mall:${other.malls[0]}`, title: "남의 주문" },
    { target: `mall:${person.malls[0]}`, title: "우리 주문" },
  ]);
  await expect(console.entry("우리 주문")).toBeVisible();
  await expect(console.entry("남의 주문")).toHaveCount(0);
  await console.close();
});
