import { Console, expect, somebody, test } from "./console.ts";

const series = (target: string, from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({ target, title: `순서 ${from + i}.` }));

test("a reload keeps the person and misses nothing", async ({ browser, hub }) => {
  const person = somebody();
  const stream = `mall:${person.malls[0]}`;
  const console = await Console.open(browser, hub, person);
  await hub.post(series(stream, 1, 4));
  await console.wantUnread(3);
  await console.page.reload();
  await console.live();
  await hub.post(series(stream, 4, 6));
  await console.wantUnread(5);
  expect(await console.seqs(stream)).toEqual([5, 4, 3, 2, 1]);
  await console.close();
});

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  test(`after a restart (${signal}) the console reconnects and resumes`, async ({ browser, hub }) => {
    const person = somebody();
    const stream = `mall:${person.malls[0]}`;
    const console = await Console.open(browser, hub, person);
    await hub.post(series(stream, 1, 4));
    await console.wantUnread(3);
    await hub.down(signal);
    await expect(console.connection).not.toHaveAttribute("data-state", "live");
    await expect(console.entries).toHaveCount(3); // what is there stays readable
    await hub.up();
    await hub.post(series(stream, 4, 7)); // perhaps before the console is back
    await console.live();
    await console.wantUnread(6);
    expect(await console.seqs(stream)).toEqual([6, 5, 4, 3, 2, 1]);
    await hub.post(series(stream, 7, 8));
    await expect(console.entry("순서 7.")).toBeVisible();
    await console.close();
  });
}

test("signing out ends the session and shows the sign-in", async ({ browser, hub }) => {
  const person = somebody();
  const console = await Console.open(browser, hub, person);
  await console.page.getByTestId("sign-out").click();
  await expect(console.page.getByTestId("sign-in")).toBeVisible();
  await console.page.reload();
  await expect(console.page.getByTestId("sign-in")).toBeVisible();
  await console.close();
});
