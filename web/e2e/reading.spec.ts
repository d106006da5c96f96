import { Console, expect, somebody, test } from "./console.ts";

test("badge and list agree, and reading moves both", async ({ browser, hub }) => {
  const person = somebody();
  const console = await Console.open(browser, hub, person);
  await hub.post(Array.from({ length: 6 }, (_, i) => ({ target: `admin:${person.admin}`, title: `번호 ${i + 1}.` })));
  await console.wantUnread(6);
  const third = console.entry("번호 3.");
  await third.getByRole("button").first().click();
  await third.getByTestId("entry-read").click();
  await console.wantUnread(3);
  expect(await hub.unread(person.admin, person.malls)).toBe(3);
  await console.page.getByTestId("filter-unread").click();
  await expect(console.entries).toHaveCount(3);
  await console.page.getByTestId("filter-unread").click();
  await expect(console.entries).toHaveCount(6);
  await console.page.getByTestId("all-read").click();
  await console.wantUnread(0);
  expect(await hub.unread(person.admin, person.malls)).toBe(0);
  await console.close();
});

test("two browsers of one person share what is read", async ({ browser, hub }) => {
  const person = somebody();
  const office = await Console.open(browser, hub, person);
  const home = await Console.open(browser, hub, person);
  await hub.post([
    ...Array.from({ length: 3 }, (_, i) => ({ target: `admin:${person.admin}`, title: `나에게 ${i}` })),
    ...Array.from({ length: 2 }, (_, i) => ({ target: `mall:${person.malls[0]}`, title: `몰에 ${i}` })),
  ]);
  await office.wantUnread(5);
  await home.wantUnread(5);
  const newest = office.entry("나에게 2");
  await newest.getByRole("button").first().click();
  await newest.getByTestId("entry-read").click();
  await office.wantUnread(2);
  await home.wantUnread(2);
  await home.page.getByTestId("all-read").click();
  await home.wantUnread(0);
  await office.wantUnread(0);
  await office.close();
  await home.close();
});

test("filters narrow the list to a stream and to a type", async ({ browser, hub }) => {
  const person = somebody();
  const console = await Console.open(browser, hub, person);
  await hub.post([
    { target: `admin:${person.admin}`, title: "엑셀", type: "EXCEL_COMPLETED" },
    { target: `mall:${person.malls[0]}`, title: "주문", type: "ORDER_PLACED" },
    { target: `mall:${person.malls[0]}`, title: "문의", type: "INQUIRY_CREATED" },
  ]);
  await expect(console.entries).toHaveCount(3);
  await console.page.locator(`[data-testid=filter-stream][data-stream="mall:${person.malls[0]}"]`).click();
  await expect(console.entries).toHaveCount(2);
  await console.page.locator('[data-testid=filter-type][data-type="ORDER_PLACED"]').click();
  await expect(console.entries).toHaveCount(1);
  await console.page.getByTestId("filter-clear").click();
  await expect(console.entries).toHaveCount(3);
  await console.close();
});

test("older pages come as they are asked for, each entry once", async ({ browser, hub }) => {
  const person = somebody();
  await hub.unread(person.admin, person.malls); // first seen
  const stream = `admin:${person.admin}`;
  await hub.post(Array.from({ length: 120 }, (_, i) => ({ target: stream, title: `오래된 ${i}` })));
  const console = await Console.open(browser, hub, person);
  await expect.poll(async () => {
    await console.entries.last().scrollIntoViewIfNeeded();
    return console.entries.count();
  }).toBe(120);
  expect(await console.seqs(stream)).toEqual(Array.from({ length: 120 }, (_, i) => 120 - i));
  await expect(console.page.getByTestId("list-end")).toBeVisible();
  await console.close();
});
