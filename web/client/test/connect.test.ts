import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { connect, MemoryCursorStore, SignedOutError } from "../src/index.ts";
import { FakeSocket, greet, jwt, live, session, settle, start } from "./fake.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: 1_800_000_000_000 });
  FakeSocket.all = [];
});
afterEach(() => void vi.useRealTimers());

describe("connecting", () => {
  it("offers the subprotocol and gives token and cursor in the first call", async () => {
    const cursorStore = new MemoryCursorStore();
    cursorStore.save("7", { "mall:1001": 41 });
    const token = jwt();
    start({ cursorStore, token: () => Promise.resolve(token) });
    await settle();
    FakeSocket.last.open();
    expect(FakeSocket.last.url).toBe("ws://hub/ws");
    expect(FakeSocket.last.protocols).toEqual(["bongsu.v1.json"]);
    expect(FakeSocket.last.lastCall).toMatchObject({ jsonrpc: "2.0", method: "connect", params: { token, cursor: { "mall:1001": 41 } } });
  });

  it("tells state, counts and marks", async () => {
    const { client, log } = await live();
    expect(log.states.at(-1)).toBe("live");
    expect(client.me?.admin).toBe("7");
    expect(client.unreadNow).toEqual({ total: 2, version: 92, streams: { "mall:1001": 2 } });
    expect(log.marks).toEqual([{ all: 10, "mall:1001": 40 }]);
    expect(client.cursor).toEqual({ all: 10, "mall:1001": 42 });
  });

  it("reads a mark that retention has passed by off the count", async () => {
    const { log } = start();
    await greet(session({ streams: [{ stream: "all", head: 100, read: 3, unread: 20 }] }));
    expect(log.marks).toEqual([{ all: 80 }]);
  });

  it("gives an attempt up that gets no answer", async () => {
    const { log } = start({ connectTimeout: 15_000 });
    await settle();
    FakeSocket.last.open();
    await vi.advanceTimersByTimeAsync(15_000);
    expect(log.states.at(-1)).toBe("retrying");
  });

  it("gives an attempt up whose token does not come, and ignores it when it does", async () => {
    let give = (_: string) => {};
    const { log } = start({ token: () => new Promise((resolve) => (give = resolve)) });
    await vi.advanceTimersByTimeAsync(15_000);
    expect(log.states.at(-1)).toBe("retrying");
    give(jwt());
    await settle();
    expect(FakeSocket.all).toHaveLength(0);
  });

  it("tries again when the token provider fails", async () => {
    const { log } = start({ token: () => Promise.reject(new Error("offline")) });
    await settle();
    expect(log.states).toEqual(["retrying"]);
  });

  it("stops when the token provider says signed out", async () => {
    const { client } = start({ token: () => Promise.reject(new SignedOutError()) });
    await settle();
    expect(client.state).toMatchObject({ name: "closed", code: 4500 });
    await vi.advanceTimersByTimeAsync(120_000);
    expect(FakeSocket.all).toHaveLength(0);
  });

  it("tries again after a temporary refusal", async () => {
    const { log } = start();
    await settle();
    FakeSocket.last.open();
    FakeSocket.last.refuse({ code: 14, message: "busy", data: { temporary: true } });
    await settle();
    expect(log.states.at(-1)).toBe("retrying");
  });

  it("stops after any other refusal, with the close code that follows it", async () => {
    const { client } = start();
    await settle();
    FakeSocket.last.open();
    FakeSocket.last.refuse({ code: 16, message: "bad token" });
    await settle();
    FakeSocket.last.drop(4501, "forbidden");
    expect(client.state).toMatchObject({ name: "closed", code: 4501, why: "forbidden" });
  });

  it("stops after a refusal that no close follows", async () => {
    const { client } = start();
    await settle();
    FakeSocket.last.open();
    FakeSocket.last.refuse({ code: 16, message: "bad token" });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(client.state).toMatchObject({ name: "closed", code: 4500 });
    expect(FakeSocket.last.closedWith).toBe(1000);
  });

  it("refuses options that cannot work", () => {
    const token = () => Promise.resolve("t");
    expect(() => connect({ url: "ftp://hub", token, WebSocket: FakeSocket })).toThrow(/want ws, wss/);
    expect(() => connect({ url: "/ws", token, WebSocket: FakeSocket })).toThrow(/not an address/);
    vi.stubGlobal("WebSocket", undefined);
    expect(() => connect({ url: "ws://hub/ws", token })).toThrow(/no global WebSocket/);
    vi.unstubAllGlobals();
  });
});

describe("losing the connection", () => {
  const delayOf = (state: { name: string; at?: number }) => (state.at ?? NaN) - Date.now();

  it.each([1006, 1001, 1009, 4001, 4002, 4004, 4499])("connects again after %i", async (code) => {
    const { client, socket } = await live();
    socket.drop(code);
    expect(client.state.name).toBe("retrying");
    await vi.advanceTimersByTimeAsync(500);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it.each([4500, 4501, 4502, 4503, 4504, 4999])("does not after %i", async (code) => {
    const { client, socket } = await live();
    socket.drop(code, "why");
    expect(client.state).toEqual({ name: "closed", code, why: "why" });
    await vi.advanceTimersByTimeAsync(120_000);
    expect(FakeSocket.all).toHaveLength(1);
  });

  it("waits up to 1, 2, 4 … 30 s, all of it random", async () => {
    const ceilings: number[] = [];
    const { client } = start({ random: () => 1 - Number.EPSILON, token: () => Promise.reject(new Error("down")) });
    for (let i = 0; i < 8; i++) {
      await settle();
      ceilings.push(Math.round(delayOf(client.state) / 1000));
      client.retryNow();
    }
    expect(ceilings).toEqual([1, 2, 4, 8, 16, 30, 30, 30]);
  });

  it("waits not at all where chance says so", async () => {
    const { client, socket } = await live({ random: () => 0 });
    socket.drop();
    expect(delayOf(client.state)).toBe(0);
  });

  it("goes on counting failures while connections do not last", async () => {
    const { client } = start();
    const delays: number[] = [];
    for (let i = 0; i < 4; i++) {
      (await greet()).drop();
      delays.push(delayOf(client.state));
      await vi.advanceTimersByTimeAsync(delays.at(-1)!);
    }
    expect(delays).toEqual([500, 1000, 2000, 4000]);
    const socket = await greet();
    await vi.advanceTimersByTimeAsync(5_000);
    socket.drop();
    expect(delayOf(client.state)).toBe(500);
  });

  it.each([4000, 4003])("comes back promptly after %i, but not when that is the greeting", async (code) => {
    const { client } = start();
    for (let i = 0; i < 3; i++) {
      (await greet()).drop(1006);
      await vi.advanceTimersByTimeAsync(delayOf(client.state));
    }
    (await greet()).drop(code);
    expect(delayOf(client.state)).toBe(500);
    const delays: number[] = [];
    for (let i = 0; i < 3; i++) {
      await vi.advanceTimersByTimeAsync(delayOf(client.state));
      FakeSocket.last.open();
      FakeSocket.last.drop(code);
      delays.push(delayOf(client.state));
    }
    expect(delays).toEqual([1000, 2000, 4000]);
  });

  it("asks for a token each time", async () => {
    const { socket, token } = await live();
    socket.drop(4003);
    await vi.advanceTimersByTimeAsync(1_000);
    await greet();
    expect(token).toHaveBeenCalledTimes(2);
  });

  it("notices silence after two and a half heartbeats", async () => {
    const { client, socket } = await live();
    await vi.advanceTimersByTimeAsync(20_000);
    socket.push("heartbeat", {});
    await vi.advanceTimersByTimeAsync(24_999);
    expect(client.state.name).toBe("live");
    await vi.advanceTimersByTimeAsync(1);
    expect(client.state).toMatchObject({ name: "retrying", why: "silent" });
    expect(socket.closedWith).toBe(4002);
  });

  it("hears nothing more from a socket it has given up", async () => {
    const { log, socket } = await live();
    await vi.advanceTimersByTimeAsync(25_000);
    const states = log.states.length;
    socket.push("entry", { stream: "all", seq: 11 });
    socket.drop(4500);
    expect(log.entries).toEqual([]);
    expect(log.states).toHaveLength(states);
  });

  it("ends for good on close, and says so once", async () => {
    const { client, log, socket } = await live();
    client.close();
    client.close();
    socket.drop(1006);
    await vi.advanceTimersByTimeAsync(120_000);
    expect(log.states.filter((name) => name === "closed")).toHaveLength(1);
    expect(FakeSocket.all).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
