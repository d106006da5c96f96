import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { MemoryCursorStore } from "../src/index.ts";
import { FakeSocket, greet, jwt, live, session, settle, start, streams } from "./fake.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: 1_800_000_000_000 });
  FakeSocket.all = [];
});
afterEach(() => void vi.useRealTimers());

describe("entries", () => {
  it("come once each, whatever is sent twice", async () => {
    const { log, socket } = await live();
    for (const seq of [43, 43, 44, 42, 44, 45]) socket.push("entry", { stream: "mall:1001", seq });
    expect(log.entries).toEqual(["mall:1001#43", "mall:1001#44", "mall:1001#45"]);
  });

  it("resume where the last connection was", async () => {
    const { log, socket } = await live();
    socket.push("entry", { stream: "mall:1001", seq: 43 });
    socket.drop();
    await vi.advanceTimersByTimeAsync(500);
    FakeSocket.last.open();
    expect(FakeSocket.last.lastCall.params["cursor"]).toEqual({ all: 10, "mall:1001": 43 });
    FakeSocket.last.answer(session({ streams: [streams[0], { ...streams[1], head: 45 }] }));
    await vi.advanceTimersByTimeAsync(0);
    for (const seq of [44, 45]) FakeSocket.last.push("entry", { stream: "mall:1001", seq });
    expect(log.entries).toEqual(["mall:1001#43", "mall:1001#44", "mall:1001#45"]);
    expect(log.gaps).toEqual([]);
  });

  it("resume where the page before was", async () => {
    const cursorStore = new MemoryCursorStore();
    const { client, socket } = await live({ cursorStore });
    socket.push("entry", { stream: "mall:1001", seq: 43 });
    client.close();
    start({ cursorStore });
    await vi.advanceTimersByTimeAsync(0);
    FakeSocket.last.open();
    expect(FakeSocket.last.lastCall.params["cursor"]).toEqual({ all: 10, "mall:1001": 43 });
  });

  it("do not resume another person's place", async () => {
    const cursorStore = new MemoryCursorStore();
    cursorStore.save("7", { all: 3 });
    start({ cursorStore, token: () => Promise.resolve(jwt(3600, "8")) });
    await vi.advanceTimersByTimeAsync(0);
    FakeSocket.last.open();
    expect(FakeSocket.last.lastCall.params["cursor"]).toEqual({});
  });

  it("never go the stored cursor back behind another tab's", async () => {
    const cursorStore = new MemoryCursorStore();
    const { socket } = await live({ cursorStore });
    cursorStore.save("7", { all: 10, "mall:1001": 99 });
    socket.push("entry", { stream: "mall:1001", seq: 43 });
    await vi.advanceTimersByTimeAsync(500);
    expect(cursorStore.load("7")).toEqual({ all: 10, "mall:1001": 99 });
  });

  it("leave the stored places of streams that their token does not name", async () => {
    const cursorStore = new MemoryCursorStore();
    cursorStore.save("7", { all: 9, "mall:1001": 40, "mall:2": 70 });
    cursorStore.save("8", { all: 1, "mall:2": 3 });
    const { client, socket } = await live({ cursorStore });
    socket.push("entry", { stream: "mall:1001", seq: 41 });
    client.close();
    expect(cursorStore.load("7")).toEqual({ all: 9, "mall:1001": 41, "mall:2": 70 });
    expect(cursorStore.load("8")).toEqual({ all: 1, "mall:2": 3 });
  });

  it("of a stream that is the person's again resume where they were", async () => {
    const mall = { stream: "mall:2", head: 70, read: 70, unread: 0 };
    const { client, log, socket } = await live();
    socket.push("entry", { stream: "mall:1001", seq: 43 });
    socket.drop();
    await vi.advanceTimersByTimeAsync(500);
    await greet(session({ streams: [streams[0], mall] }));
    expect(client.cursor).toEqual({ all: 10, "mall:2": 70 });
    FakeSocket.last.drop();
    await vi.advanceTimersByTimeAsync(1_000);
    await greet(session({ streams: [streams[0], { ...streams[1], head: 45 }] }));
    expect(FakeSocket.last.lastCall.params["cursor"]).toEqual({ all: 10, "mall:2": 70, "mall:1001": 43 });
    for (const seq of [44, 45]) FakeSocket.last.push("entry", { stream: "mall:1001", seq });
    expect(log.entries).toEqual(["mall:1001#43", "mall:1001#44", "mall:1001#45"]);
    expect(log.gaps).toEqual([]);
  });

  it("keep a place that a hub still catching up does not know yet", async () => {
    const { client, log, socket } = await live();
    socket.push("entry", { stream: "mall:1001", seq: 43 });
    socket.drop();
    await vi.advanceTimersByTimeAsync(500);
    await greet(); // its head is 42 again
    expect(client.cursor["mall:1001"]).toBe(43);
    FakeSocket.last.push("entry", { stream: "mall:1001", seq: 44 });
    expect(log.gaps).toEqual([]);
    expect(log.entries).toEqual(["mall:1001#43", "mall:1001#44"]);
  });
});

describe("gaps", () => {
  it("are told, and entries go on after them", async () => {
    const { client, log, socket } = await live();
    socket.push("gap", { stream: "mall:1001", from: 43, to: 1500, reason: "behind" });
    socket.push("entry", { stream: "mall:1001", seq: 1501 });
    expect(log.gaps).toEqual(["mall:1001 43-1500 behind"]);
    expect(log.entries).toEqual(["mall:1001#1501"]);
    expect(client.cursor["mall:1001"]).toBe(1501);
  });

  it("of a stream that began anew bring the stored cursor back too", async () => {
    const cursorStore = new MemoryCursorStore();
    cursorStore.save("7", { "mall:1001": 900 });
    const { log } = start({ cursorStore });
    const socket = await greet();
    socket.push("gap", { stream: "mall:1001", from: 1, to: 42, reason: "reset" });
    socket.push("entry", { stream: "mall:1001", seq: 43 });
    expect(log.entries).toEqual(["mall:1001#43"]);
    await vi.advanceTimersByTimeAsync(500);
    expect(cursorStore.load("7")?.["mall:1001"]).toBe(43);
  });

  it("of a stream that began anew let the counts begin anew", async () => {
    const { log, socket } = await live();
    socket.push("unread", { total: 9, version: 1_000, streams: { "mall:1001": 9 } });
    socket.push("gap", { stream: "mall:1001", from: 1, to: 3, reason: "reset" });
    socket.push("unread", { total: 1, version: 5, streams: { "mall:1001": 1 } });
    expect(log.unread.slice(-2)).toEqual([9, 1]);
  });

  it("that nobody told are noticed", async () => {
    const { log, socket } = await live();
    socket.push("entry", { stream: "mall:1001", seq: 46 });
    expect(log.gaps).toEqual(["mall:1001 43-45 missing"]);
    expect(log.entries).toEqual(["mall:1001#46"]);
  });

  it("are the hub's to tell where a refresh brings a stream back that was not the person's for a while", async () => {
    const cursorStore = new MemoryCursorStore();
    const { client, log, socket } = await live({ cursorStore });
    const refresh = async (answer: unknown) => {
      const refreshing = client.refresh();
      await settle();
      socket.answer(answer);
      await refreshing;
    };
    socket.push("entry", { stream: "mall:1001", seq: 43 });
    await refresh(session({ streams: [streams[0]] }));
    expect(cursorStore.load("7")).toEqual({ all: 10, "mall:1001": 43 });
    await refresh(session({ streams: [streams[0], { ...streams[1], head: 45 }] }));
    expect(socket.lastCall).toMatchObject({ method: "refresh", params: { cursor: { "mall:1001": 43 } } });
    socket.push("entry", { stream: "mall:1001", seq: 44 });
    socket.push("entry", { stream: "mall:1001", seq: 45 });
    await refresh(session({ streams: [streams[0]] }));
    await refresh(session({ streams: [streams[0], { ...streams[1], head: 10 }] })); // another life of the stream
    socket.push("gap", { stream: "mall:1001", from: 1, to: 10, reason: "reset" });
    socket.push("entry", { stream: "mall:1001", seq: 11 });
    expect(log.gaps).toEqual(["mall:1001 1-10 reset"]);
    expect(log.entries).toEqual(["mall:1001#43", "mall:1001#44", "mall:1001#45", "mall:1001#11"]);
  });

  it("stand for streams whose cursor did not fit into the first frame", async () => {
    const cursorStore = new MemoryCursorStore();
    const cursor = Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`mall:${"x".repeat(20)}${i}`, 5]));
    cursorStore.save("7", cursor);
    const { log } = start({ cursorStore });
    await vi.advanceTimersByTimeAsync(0);
    const socket = FakeSocket.last;
    socket.open();
    expect(JSON.stringify(socket.lastCall).length).toBeLessThan(64 * 1024);
    const sent = Object.keys(socket.lastCall.params["cursor"] as object).length;
    socket.answer(session({ streams: Object.keys(cursor).map((stream) => ({ stream, head: 7, read: 7, unread: 0 })) }));
    await vi.advanceTimersByTimeAsync(0);
    expect(log.gaps).toHaveLength(3_000 - sent);
    expect(log.gaps.at(-1)).toMatch(/ 6-7 unsent$/);
  });
});

describe("malformed frames", () => {
  it.each([
    ["no JSON", "{"],
    ["no object", "[1]"],
    ["null", "null"],
    ["neither call nor answer", { jsonrpc: "2.0" }],
    ["an entry without seq", { method: "entry", params: { stream: "all" } }],
    ["an entry with a broken seq", { method: "entry", params: { stream: "all", seq: -1.5 } }],
    ["a gap without end", { method: "gap", params: { stream: "all", from: 1 } }],
    ["counts that are none", { method: "unread", params: { total: "2", version: 1 } }],
    ["no parameters", { method: "entry" }],
  ])("harm nothing: %s", async (_, frame) => {
    const { client, log, socket } = await live();
    socket.receive(frame);
    expect(log.warnings).toHaveLength(1);
    socket.push("entry", { stream: "all", seq: 11 });
    expect(log.entries).toEqual(["all#11"]);
    expect(client.state.name).toBe("live");
  });

  it("do not include binary ones, unknown pushes and unknown answers", async () => {
    const { client, log, socket } = await live();
    socket.onmessage?.({ data: new ArrayBuffer(3) });
    expect(log.warnings).toHaveLength(1);
    socket.push("weather", { sunny: true });
    socket.receive({ jsonrpc: "2.0", id: 999, result: {} });
    expect(log.warnings).toHaveLength(1);
    expect(client.state.name).toBe("live");
  });
});
