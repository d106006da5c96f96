import { describe, expect, it } from "vitest";
import { appendPage, insertLive, itemOf, matches, noFilter, type Item } from "../src/model/list.ts";

const item = (stream: string, seq: number, at: number): Item => itemOf({ stream, seq, at: new Date(at).toISOString() }, 0);
const keys = (items: readonly Item[]) => items.map((i) => i.key);

describe("the list", () => {
  it("is newest first", () => {
    const list = insertLive([], [item("a", 1, 100), item("b", 1, 300), item("a", 2, 200)]);
    expect(keys(list)).toEqual(["b#1", "a#2", "a#1"]);
  });

  it("puts a new entry on top of others of the same moment", () => {
    expect(keys(insertLive([item("a", 1, 100)], [item("b", 1, 100)]))).toEqual(["b#1", "a#1"]);
  });

  it("holds each entry once", () => {
    const list = [item("a", 2, 200), item("a", 1, 100)];
    expect(insertLive(list, [item("a", 2, 200), item("a", 2, 200)])).toEqual(list);
    expect(keys(appendPage(list, [item("a", 1, 100), item("b", 9, 50)]))).toEqual(["a#2", "a#1", "b#9"]);
  });

  it("keeps every stream in order, whatever the clocks say", () => {
    let seed = 7;
    const random = (n: number) => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) % n;
    for (let round = 0; round < 200; round++) {
      const next: Record<string, number> = { a: 1, b: 1, c: 1 };
      let list: Item[] = [];
      for (let i = 0; i < 30; i++) {
        const stream = "abc"[random(3)]!;
        const seq = next[stream]!++;
        list = insertLive(list, [item(stream, seq, random(1000))]);
      }
      for (const stream of ["a", "b", "c"]) {
        const seqs = list.filter((i) => i.entry.stream === stream).map((i) => i.entry.seq);
        expect(seqs).toEqual([...seqs].sort((x, y) => y - x));
      }
    }
  });

  it("keeps a stream in order when an entry of before is filled in", () => {
    const list = [item("a", 5, 500), item("b", 1, 450), item("a", 2, 600)];
    expect(keys(insertLive(list, [item("a", 3, 900)]))).toEqual(["a#5", "a#3", "b#1", "a#2"]);
  });

  it("takes the present for a time that cannot be read", () => {
    expect(itemOf({ stream: "a", seq: 1, at: "yesterday" }, 42).at).toBe(42);
    expect(itemOf({ stream: "a", seq: 1 }, 42).at).toBe(42);
  });
});

describe("a filter", () => {
  const entry = { stream: "mall:1", seq: 1, type: "NOTICE" };
  it.each([
    [noFilter, false, true],
    [{ ...noFilter, stream: "mall:1" }, false, true],
    [{ ...noFilter, stream: "mall:2" }, false, false],
    [{ ...noFilter, type: "NOTICE" }, true, true],
    [{ ...noFilter, type: "ORDER_PLACED" }, false, false],
    [{ ...noFilter, unread: true }, false, true],
    [{ ...noFilter, unread: true }, true, false],
  ])("%j with read %s lets it pass: %s", (filter, read, want) => expect(matches(filter, entry, read)).toBe(want));
});
