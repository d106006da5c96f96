import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { safeLink } from "../src/model/links.ts";
import { itemOf, type Item } from "../src/model/list.ts";
import { eventOf } from "../src/model/publish.ts";
import { Seen } from "../src/model/seen.ts";
import { Toasts } from "../src/model/toasts.ts";
import { tuneOf } from "../src/model/tunes.ts";

describe("what was seen", () => {
  it("moves a mark only over entries that were all seen", () => {
    const seen = new Seen();
    for (const seq of [50, 43, 41, 42]) seen.add("mall:1", seq);
    expect(seen.reach("mall:1", 40)).toBe(43);
    for (let seq = 44; seq < 50; seq++) seen.add("mall:1", seq);
    expect(seen.reach("mall:1", 43)).toBe(50);
  });

  it("moves nothing where the oldest unread entry was not seen", () => {
    const seen = new Seen();
    seen.add("mall:1", 42);
    expect(seen.reach("mall:1", 40)).toBe(40);
    expect(seen.reach("mall:2", 40)).toBe(40);
  });

  it("is forgotten once it is read", () => {
    const seen = new Seen();
    seen.add("mall:1", 41);
    expect(seen.has("mall:1", 41)).toBe(true);
    seen.reach("mall:1", 41);
    expect(seen.has("mall:1", 41)).toBe(false);
  });
});

describe("a link", () => {
  const base = "https://hub.example/";
  it.each([
    ["/orders/1", "https://hub.example/orders/1"],
    ["orders/1?a=b", "https://hub.example/orders/1?a=b"],
    ["https://shop.example/x", "https://shop.example/x"],
    ["http://shop.example", "http://shop.example/"],
    ["  /trimmed ", "https://hub.example/trimmed"],
  ])("%j opens %s", (link, want) => expect(safeLink(link, base)).toBe(want));

  it.each(["javascript:alert(1)", " JavaScript:alert(1)", "java\nscript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:https://x/1", "ftp://x", "https://", "", "  ", undefined])(
    "%j is none",
    (link) => expect(safeLink(link, base)).toBeUndefined(),
  );
});

describe("toasts", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const item = (seq: number): Item => itemOf({ stream: "all", seq }, Date.now());
  const shown = (toasts: Toasts) => toasts.shown.value.map((i) => i.entry.seq);

  it("stay five seconds each", () => {
    const toasts = new Toasts(() => false);
    toasts.add(item(1));
    vi.advanceTimersByTime(3_000);
    toasts.add(item(2));
    vi.advanceTimersByTime(1_999);
    expect(shown(toasts)).toEqual([1, 2]);
    vi.advanceTimersByTime(1);
    expect(shown(toasts)).toEqual([2]);
    vi.advanceTimersByTime(3_000);
    expect(shown(toasts)).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("are at most three; the newest three wait, and the others are counted", () => {
    const toasts = new Toasts(() => false);
    for (let seq = 1; seq <= 20; seq++) toasts.add(item(seq));
    expect(shown(toasts)).toEqual([1, 2, 3]);
    expect(toasts.skipped.value).toBe(14);
    vi.advanceTimersByTime(5_000);
    expect(shown(toasts)).toEqual([18, 19, 20]);
    vi.advanceTimersByTime(5_000);
    expect(shown(toasts)).toEqual([]);
    expect(toasts.skipped.value).toBe(0);
  });

  it("wait while they are pointed at", () => {
    const toasts = new Toasts(() => false);
    toasts.add(item(1));
    vi.advanceTimersByTime(4_000);
    toasts.pause();
    vi.advanceTimersByTime(60_000);
    toasts.add(item(2));
    expect(shown(toasts)).toEqual([1, 2]);
    toasts.resume();
    vi.advanceTimersByTime(999);
    expect(shown(toasts)).toEqual([1, 2]);
    vi.advanceTimersByTime(1);
    expect(shown(toasts)).toEqual([2]);
  });

  it("make room when one is dismissed", () => {
    const toasts = new Toasts(() => false);
    for (let seq = 1; seq <= 4; seq++) toasts.add(item(seq));
    toasts.dismiss("all#2");
    expect(shown(toasts)).toEqual([1, 3, 4]);
  });

  it("do not show what was read while it waited", () => {
    const read = new Set<number>();
    const toasts = new Toasts((i) => read.has(i.entry.seq));
    for (let seq = 1; seq <= 5; seq++) toasts.add(item(seq));
    read.add(4);
    vi.advanceTimersByTime(5_000);
    expect(shown(toasts)).toEqual([5]);
  });
});

describe("a sound", () => {
  it("is one of its own for each known type, and a plain one for the rest", () => {
    const types = ["EXCEL_COMPLETED", "ORDER_PLACED", "CLAIM_FILED", "INQUIRY_CREATED", "PRODUCT_APPROVAL", "PRODUCT_INQUIRY", "FDS_DETECTED", "NOTICE", "STOCK_LOW"];
    const tunes = types.map((type) => JSON.stringify(tuneOf(type, undefined)));
    expect(new Set(tunes).size).toBe(types.length);
    expect(tuneOf("STOCK_LOW", undefined)).toEqual(tuneOf(undefined, "no such sound"));
  });

  it("can be named by the event, or refused", () => {
    expect(tuneOf("STOCK_LOW", "order")).toEqual(tuneOf("ORDER_PLACED", undefined));
    expect(tuneOf("ORDER_PLACED", "none")).toEqual([]);
  });
});

describe("the publish form", () => {
  const form = (fields: Record<string, string>) => {
    const data = new FormData();
    for (const [name, value] of Object.entries({ type: "NOTICE", targets: "all", title: "t", ...fields })) data.set(name, value);
    return eventOf(data);
  };

  it("makes an ingress record of what is filled in", () => {
    expect(form({ targets: "mall:1001, admin:7", body: " b ", link: "", data: '{"a":1}', priority: "high" })).toEqual({
      type: "NOTICE", targets: ["mall:1001", "admin:7"], title: "t", body: "b", priority: "high", data: { a: 1 },
    });
  });

  it.each([
    [{ type: "9" }, "badType"],
    [{ targets: " , " }, "needTargets"],
    [{ title: "" }, "needText"],
    [{ data: "[1]" }, "badData"],
    [{ data: "{" }, "badData"],
  ])("says what is wrong with %j", (fields, problem) => expect(form(fields)).toBe(problem));
});
