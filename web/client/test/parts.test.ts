import { describe, expect, it } from "vitest";
import { backoffDelay, closeVerdict, defaultBackoff } from "../src/backoff.ts";
import { fitCursor, mergeCursors, StorageCursorStore, type TextStorage } from "../src/cursor.ts";
import { socketUrl } from "../src/options.ts";
import { refreshDelay, tokenFacts } from "../src/token.ts";

/** Numbers that are the same in every run. */
function* randoms(seed: number): Generator<number, never> {
  for (;;) {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    yield seed / 2 ** 31;
  }
}

describe("the pause before an attempt", () => {
  it("is anywhere from nothing to its ceiling", () => {
    const random = randoms(1);
    for (let attempt = 0; attempt < 60; attempt++) {
      const ceiling = Math.min(30_000, 1000 * 2 ** attempt);
      const delays = Array.from({ length: 200 }, () => backoffDelay(attempt, defaultBackoff, () => random.next().value));
      expect(Math.min(...delays)).toBeGreaterThanOrEqual(0);
      expect(Math.min(...delays)).toBeLessThan(ceiling * 0.1);
      expect(Math.max(...delays)).toBeLessThanOrEqual(ceiling);
      expect(Math.max(...delays)).toBeGreaterThan(ceiling * 0.9);
    }
  });
});

describe("a close code", () => {
  it("from 4500 to 4999 forbids to come back, and no other does", () => {
    for (let code = 1000; code < 5100; code++) {
      expect(closeVerdict(code) === "stop", String(code)).toBe(code >= 4500 && code <= 4999);
    }
  });
});

describe("a cursor", () => {
  it("of several tabs is the furthest of each stream", () => {
    expect(mergeCursors({ a: 5, b: 9 }, { a: 7, b: 2, c: 1 }, new Set())).toEqual({ a: 7, b: 9, c: 1 });
  });

  it("of a tab with fewer rights keeps the places of the other streams", () => {
    expect(mergeCursors({ a: 5, "mall:2": 9 }, { a: 7 }, new Set())).toEqual({ a: 7, "mall:2": 9 });
  });

  it("of a tab keeps a bounded number of other streams, those first that were somebody's last", () => {
    const others = (name: string, count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`${name}:${i}`, i]));
    let stored = mergeCursors(others("old", 900), others("new", 900), new Set());
    stored = mergeCursors(stored, { a: 7 }, new Set());
    expect(stored).toEqual({ a: 7, ...others("new", 900), ...others("old", 100) });
  });

  it("of a stream that began anew goes back", () => {
    expect(mergeCursors({ a: 500 }, { a: 7 }, new Set(["a"]))).toEqual({ a: 7 });
  });

  it("fits into the bytes that there are", () => {
    const cursor = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`mall:${i}`, i * 1000]));
    for (let bytes = 2; bytes < 2_000; bytes += 37) {
      expect(JSON.stringify(fitCursor(cursor, bytes)).length).toBeLessThanOrEqual(bytes);
    }
    expect(fitCursor(cursor, 1e6)).toEqual(cursor);
  });

  it("names no more streams than the hub takes", () => {
    const cursor = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`${i}x`, 1]));
    expect(Object.keys(fitCursor(cursor, 1e6))).toHaveLength(4_096);
  });

  it.each([
    ["nothing", null, undefined],
    ["no JSON", "{", undefined],
    ["no object", "[1]", undefined],
    ["null", "null", undefined],
    ["values that are no seq", '{"a":1,"b":"2","c":-3,"d":1.5,"e":null}', { a: 1 }],
  ])("is read from a storage that holds %s", (_, text, want) => {
    const storage: TextStorage = { getItem: () => text, setItem: () => undefined };
    expect(new StorageCursorStore(storage).load("7")).toEqual(want);
  });

  it("is kept apart for each person", () => {
    const texts = new Map<string, string>();
    const store = new StorageCursorStore({ getItem: (key) => texts.get(key) ?? null, setItem: (key, text) => void texts.set(key, text) });
    store.save("7", { all: 1 });
    store.save("8", { all: 2 });
    expect(store.load("7")).toEqual({ all: 1 });
  });

  it("is given up where storage is forbidden", () => {
    const forbidden = () => {
      throw new Error("SecurityError");
    };
    const store = new StorageCursorStore({ getItem: forbidden, setItem: forbidden });
    store.save("7", { all: 1 });
    expect(store.load("7")).toBeUndefined();
  });
});

describe("a token", () => {
  const encode = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

  it("says who it is and when it expires", () => {
    const token = `h.${encode('{"sub":"7","name":"김하나 ??>>","exp":1800000000}')}.s`;
    expect(tokenFacts(token)).toEqual({ person: "7", expires: 1_800_000_000_000 });
  });

  it.each(["", "opaque", "a.b.c", `h.${btoa("null")}.s`, `h.${btoa("[]")}.s`, `h.${btoa('{"sub":7,"exp":"1"}')}.s`])(
    "that says nothing is taken as it is: %j",
    (token) => expect(tokenFacts(token)).toEqual({ person: undefined, expires: undefined }),
  );

  it("is renewed before it expires, and not all at one moment", () => {
    const random = randoms(2);
    for (const left of [0, 1, 50, 1_000, 60_000, 600_000, 86_400_000]) {
      const margin = Math.min(60_000, left / 10);
      for (let i = 0; i < 50; i++) {
        const delay = refreshDelay(5_000 + left, 5_000, () => random.next().value);
        expect(delay).toBeLessThanOrEqual(Math.ceil(left - margin));
        expect(delay).toBeGreaterThanOrEqual(Math.floor(left - margin * 1.1));
      }
    }
    expect(refreshDelay(1_000, 5_000, () => 0.5)).toBe(0);
  });
});

describe("an address", () => {
  it.each([
    ["https://hub.example/ws", "wss://hub.example/ws"],
    ["http://127.0.0.1:8080/ws#x", "ws://127.0.0.1:8080/ws"],
    ["wss://hub.example/ws?a=1", "wss://hub.example/ws?a=1"],
  ])("%s is connected to as %s", (url, want) => expect(socketUrl(url)).toBe(want));
});
