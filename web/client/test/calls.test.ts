import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BongsuError } from "../src/index.ts";
import { FakeSocket, greet, jwt, live, session, settle, streams } from "./fake.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: 1_800_000_000_000 });
  FakeSocket.all = [];
});
afterEach(() => void vi.useRealTimers());

const counts = (total: number, version: number, mall = total) => ({ total, version, streams: mall > 0 ? { "mall:1001": mall } : {} });

describe("calls", () => {
  it("give the answer to the one who asked, in any order", async () => {
    const { client, socket } = await live();
    const [first, second] = [client.list({ limit: 1 }), client.list({ limit: 2 })];
    const [a, b] = socket.calls.slice(-2);
    socket.answer({ entries: [], next: "b" }, b);
    socket.answer({ entries: [], next: "a" }, a);
    expect((await first).next).toBe("a");
    expect((await second).next).toBe("b");
  });

  it("fail after their time, and a late answer is ignored", async () => {
    const { client, log, socket } = await live({ callTimeout: 3_000 });
    const failed = expect(client.list()).rejects.toMatchObject({ temporary: true, message: expect.stringMatching(/3000 ms/) as string });
    await vi.advanceTimersByTimeAsync(3_000);
    await failed;
    socket.answer({ entries: [] });
    expect(log.warnings).toEqual([]);
  });

  it("fail at once while there is no connection, and when it breaks", async () => {
    const { client, socket } = await live();
    const broken = expect(client.list()).rejects.toMatchObject({ temporary: true });
    socket.drop();
    await broken;
    await expect(client.unread()).rejects.toThrow(/not connected/);
  });

  it("fail as the hub says", async () => {
    const { client, socket } = await live();
    const failed = client.list({ stream: "mall:9" }).catch((e: unknown) => e);
    socket.refuse({ code: 7, message: "not one of yours" });
    const error = await failed;
    expect(error).toBeInstanceOf(BongsuError);
    expect(error).toMatchObject({ code: 7, temporary: false, message: "timeline.list: not one of yours" });
  });

  it("fail on an answer that makes no sense", async () => {
    const { client, socket } = await live();
    const failed = expect(client.list()).rejects.toThrow(/malformed entry/);
    socket.answer({ entries: [{ stream: "all" }] });
    await failed;
  });

  it("are limited in number", async () => {
    const { client } = await live();
    const calls = Array.from({ length: 300 }, () => client.list().catch((e: unknown) => (e as Error).message));
    expect(await calls[299]).toMatch(/too many calls/);
    client.close();
    await Promise.all(calls);
  });
});

describe("unread counts", () => {
  it("are the hub's newest, by version", async () => {
    const { client, log, socket } = await live();
    socket.push("unread", counts(5, 100));
    socket.push("unread", counts(4, 99));
    socket.push("unread", counts(6, 101));
    expect(log.unread).toEqual([2, 5, 6]);
    expect(client.unreadNow?.total).toBe(6);
  });

  it("begin anew with each connection", async () => {
    const { client, socket } = await live();
    socket.push("unread", counts(9, 5_000));
    socket.drop();
    await vi.advanceTimersByTimeAsync(500);
    await greet(session({ unread: { total: 2, version: 17 } }));
    expect(client.unreadNow?.total).toBe(2);
    FakeSocket.last.push("unread", counts(3, 18));
    expect(client.unreadNow?.total).toBe(3);
  });
});

describe("read marks", () => {
  it("move when this client reads", async () => {
    const { client, log, socket } = await live();
    const reading = client.read("mall:1001", 41);
    expect(socket.lastCall).toMatchObject({ method: "timeline.read", params: { stream: "mall:1001", seq: 41 } });
    socket.answer(counts(1, 93));
    expect((await reading).total).toBe(1);
    expect(log.marks.at(-1)).toEqual({ "mall:1001": 41 });
    expect(client.stream("mall:1001")).toMatchObject({ read: 41, unread: 1 });
  });

  it("move to the heads with everything read", async () => {
    const { client, log, socket } = await live();
    const reading = client.readAll();
    expect(socket.lastCall.params).toEqual({ all: true });
    socket.answer(counts(0, 94));
    await reading;
    expect(log.marks.at(-1)).toEqual({ "mall:1001": 42 });
  });

  it("that another client moved are looked up before they are told", async () => {
    const { log, socket } = await live();
    const before = log.marks.length;
    socket.push("unread", counts(1, 93));
    await vi.advanceTimersByTimeAsync(250);
    expect(socket.lastCall).toMatchObject({ method: "timeline.list", params: { stream: "mall:1001", before: 42, limit: 1 } });
    expect(log.marks).toHaveLength(before);
    socket.answer({ entries: [{ stream: "mall:1001", seq: 41, read: true }] });
    await settle();
    expect(log.marks.at(-1)).toEqual({ "mall:1001": 41 });
  });

  it("are not believed of a count that lags behind the entries", async () => {
    const { log, socket } = await live();
    const before = log.marks.length;
    socket.push("entry", { stream: "mall:1001", seq: 43 });
    socket.push("unread", counts(2, 93)); // of before 43
    await vi.advanceTimersByTimeAsync(250);
    socket.answer({ entries: [{ stream: "mall:1001", seq: 41, read: false }] });
    await settle();
    expect(log.marks).toHaveLength(before);
  });

  it("need no look-up when the next count sets things right", async () => {
    const { socket } = await live();
    const calls = socket.calls.length;
    socket.push("entry", { stream: "mall:1001", seq: 43 });
    socket.push("unread", counts(2, 93));
    await vi.advanceTimersByTimeAsync(100);
    socket.push("unread", counts(3, 94));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(socket.calls).toHaveLength(calls);
  });
});

describe("the token", () => {
  it("is renewed over the open socket a minute before it expires", async () => {
    const { socket, token } = await live({ token: () => Promise.resolve(jwt(3600)), random: () => 0 });
    await vi.advanceTimersByTimeAsync(0);
    const keepAlive = setInterval(() => socket.push("heartbeat", {}), 10_000);
    await vi.advanceTimersByTimeAsync(3_539_000);
    expect(socket.calls.some((call) => call.method === "refresh")).toBe(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(socket.lastCall).toMatchObject({ method: "refresh", params: { token: jwt(3600) } });
    socket.answer(session());
    await vi.advanceTimersByTimeAsync(3_540_000);
    expect(socket.calls.filter((call) => call.method === "refresh")).toHaveLength(2);
    expect(token).toHaveBeenCalledTimes(3);
    clearInterval(keepAlive);
  });

  it("is tried again when renewing fails, ever sooner, and the connection stays", async () => {
    const { client, log, socket, token } = await live({ token: () => Promise.resolve(jwt(100)), random: () => 0 });
    token.mockImplementation(() => Promise.reject(new Error("down")));
    const keepAlive = setInterval(() => socket.push("heartbeat", {}), 5_000);
    await vi.advanceTimersByTimeAsync(100_000);
    expect(log.warnings.length).toBeGreaterThanOrEqual(2);
    expect(log.warnings.length).toBeLessThan(5);
    expect(client.state.name).toBe("live");
    clearInterval(keepAlive);
  });

  it("may bring streams and take them away", async () => {
    const { client, log, socket } = await live();
    const refreshing = client.refresh();
    await settle();
    const mall = { stream: "mall:2", head: 70, read: 69, unread: 1 };
    socket.answer(session({ streams: [streams[0], mall], unread: { total: 1, version: 5 } }));
    await refreshing;
    expect(client.cursor).toEqual({ all: 10, "mall:2": 70 });
    expect(client.unreadNow).toEqual({ total: 1, version: 5, streams: { "mall:2": 1 } });
    socket.push("entry", { stream: "mall:2", seq: 71 });
    expect(log.entries).toEqual(["mall:2#71"]);
    expect(log.gaps).toEqual([]);
  });

  it("is left alone when it does not say when it expires", async () => {
    const { socket } = await live({ token: () => Promise.resolve("opaque") });
    const keepAlive = setInterval(() => socket.push("heartbeat", {}), 10_000);
    await vi.advanceTimersByTimeAsync(86_400_000);
    expect(socket.calls.map((call) => call.method)).toEqual(["connect"]);
    clearInterval(keepAlive);
  });
});

describe("listeners", () => {
  it("that throw harm no other, and their error is not lost", async () => {
    const { client, socket } = await live();
    const heard: number[] = [];
    client.on("entry", () => {
      throw new Error("mine");
    });
    client.on("entry", ({ seq }) => heard.push(seq));
    socket.push("entry", { stream: "all", seq: 11 });
    expect(heard).toEqual([11]);
    expect(() => vi.advanceTimersByTime(0)).toThrow("mine");
  });

  it("hear nothing more once they are removed", async () => {
    const { client, socket } = await live();
    const heard: number[] = [];
    const remove = client.on("entry", ({ seq }) => heard.push(seq));
    socket.push("entry", { stream: "all", seq: 11 });
    remove();
    socket.push("entry", { stream: "all", seq: 12 });
    expect(heard).toEqual([11]);
  });
});
