import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Nodes } from "../src/nodes.ts";
import { FakeSocket, greet, live, session, settle, start } from "./fake.ts";

describe("the nodes of a client", () => {
  const of = (home: string, named: string[] = [], random = () => 0) => {
    const nodes = new Nodes(home, random);
    nodes.learn(named);
    return nodes;
  };
  /** Leaves so many nodes, and returns where it went and what of it was prompt. */
  const visits = (nodes: Nodes, times: number) =>
    Array.from({ length: times }, () => {
      const prompt = nodes.leave();
      return `${nodes.current}${prompt ? " !" : ""}`;
    });

  it("are the home alone until others are named", () => {
    expect(visits(of("ws://a/ws"), 2)).toEqual(["ws://a/ws", "ws://a/ws"]);
  });

  it("are each tried once promptly, then one after another", () => {
    const nodes = of("ws://a/ws", ["http://a", "http://b", "http://c"]);
    expect(visits(nodes, 6)).toEqual(["ws://b/ws !", "ws://c/ws !", "ws://a/ws", "ws://b/ws", "ws://a/ws", "ws://c/ws"]);
    nodes.lasted();
    expect(visits(nodes, 1)).toEqual(["ws://a/ws !"]);
  });

  it("are chosen at random, so that clients spread", () => {
    const went = [0, 0.4, 0.99].map((r) => visits(of("ws://a/ws", ["http://a", "http://b", "http://c", "http://d"], () => r), 1)[0]);
    expect(went).toEqual(["ws://b/ws !", "ws://c/ws !", "ws://d/ws !"]);
  });

  it("prefer the home, unless it is a node that the others miss", () => {
    const nodes = of("ws://a/ws", ["http://a", "http://b", "http://c"]);
    nodes.leave();
    nodes.lasted();
    nodes.learn(["http://b", "http://c", "http://a"]);
    expect(visits(nodes, 1)).toEqual(["ws://a/ws !"]);
    nodes.leave();
    nodes.lasted();
    nodes.learn(["http://c", "http://b"]);
    expect(visits(nodes, 2)).toEqual(["ws://b/ws !", "ws://a/ws !"]);
  });

  it("know the node behind a balancer by its own name", () => {
    const nodes = of("wss://hub/ws", ["https://a", "https://b"]);
    expect(visits(nodes, 1)).toEqual(["wss://b/ws !"]);
    nodes.lasted();
    expect(visits(nodes, 1)).toEqual(["wss://hub/ws !"]);
  });

  it.each(["ftp://x", "ws://x", "javascript:alert(1)", "//x", "x", "", "http://", "http://me:pw@x", "http://x/elsewhere", "http://x?to=y", "http://x:port"])(
    "cannot be %j",
    (url) => expect(visits(of("ws://a/ws", [url]), 1)).toEqual(["ws://a/ws"]),
  );

  it("keep TLS once there is TLS", () => {
    expect(visits(of("wss://a/ws", ["https://a", "http://b"]), 1)).toEqual(["wss://a/ws"]);
    expect(visits(of("wss://a/ws", ["https://a", "https://b"]), 1)).toEqual(["wss://b/ws !"]);
  });

  it("are at most 64", () => {
    const nodes = of("ws://a/ws", Array.from({ length: 1000 }, (_, i) => `http://n${i}`));
    expect(visits(nodes, 100).filter((went) => went.endsWith("!"))).toHaveLength(63);
  });

  it("give the origin for HTTP calls", () => {
    expect(of("wss://hub.example:8443/deep/ws?x=/y").origin).toBe("https://hub.example:8443");
    expect(of("ws://127.0.0.1:8080/ws").origin).toBe("http://127.0.0.1:8080");
  });
});

describe("going on at another node", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 1_800_000_000_000 });
    FakeSocket.all = [];
  });
  afterEach(() => void vi.useRealTimers());
  const three = { nodes: ["http://hub", "http://two", "http://three"] };
  const urls = () => FakeSocket.all.map((socket) => socket.url);

  it("takes at most a second, and carries cursor and token there", async () => {
    const { client, log, token } = start({ random: () => 0.4 });
    const socket = await greet(session(three));
    socket.push("entry", { stream: "all", seq: 11 });
    socket.drop(1006);
    expect(client.origin).toBe("http://two");
    await vi.advanceTimersByTimeAsync(400);
    expect(urls()).toEqual(["ws://hub/ws", "ws://two/ws"]);
    expect(token.mock.calls).toEqual([["http://hub"], ["http://two"]]);
    const next = await greet(session({ nodes: ["http://two", "http://three"] }));
    expect(next.calls[0]).toMatchObject({ method: "connect", params: { cursor: { all: 11 } } });
    expect(log.states.at(-1)).toBe("live");
  });

  it("tries each other node promptly before it backs off", async () => {
    const { client } = start({ random: () => 0.5 });
    (await greet(session(three))).drop(1006);
    const delays: number[] = [];
    for (let i = 0; i < 5; i++) {
      delays.push((client.state as { at: number }).at - Date.now());
      await vi.advanceTimersByTimeAsync(delays.at(-1)!);
      FakeSocket.last.drop(1006);
    }
    expect(delays).toEqual([500, 500, 2000, 4000, 8000]);
    expect(urls().slice(1, 4).sort()).toEqual(["ws://hub/ws", "ws://three/ws", "ws://two/ws"]);
  });

  it("follows a node's 4000 to another, but stays after 4001, 4003 and 4004", async () => {
    for (const code of [4001, 4003, 4004]) {
      FakeSocket.all = [];
      const { client } = start();
      (await greet(session(three))).drop(code);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(urls()).toEqual(["ws://hub/ws", "ws://hub/ws"]);
      client.close();
    }
    FakeSocket.all = [];
    start();
    (await greet(session(three))).drop(4000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(urls()[1]).toMatch(/two|three/);
  });

  it("forgets nodes that the next one does not name", async () => {
    start();
    (await greet(session(three))).drop(1006);
    await vi.advanceTimersByTimeAsync(500);
    const second = await greet(session());
    second.drop(1006);
    for (let i = 0; i < 10; i++) {
      await vi.advanceTimersByTimeAsync(30_000);
      FakeSocket.last.drop(1006);
    }
    expect(new Set(urls().slice(2))).toEqual(new Set(["ws://hub/ws"]));
  });

  it("learns of nodes with a new token, too", async () => {
    const { client, socket } = await live();
    const renewed = client.refresh();
    await settle();
    socket.answer(session({ nodes: ["http://hub", "http://four"] }));
    await renewed;
    socket.drop(1006);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(urls()).toEqual(["ws://hub/ws", "ws://four/ws"]);
  });

  it("never connects to what an unauthenticated answer names", async () => {
    start();
    await settle();
    FakeSocket.last.open();
    FakeSocket.last.push("entry", { stream: "all", seq: 1, nodes: ["http://evil"] });
    FakeSocket.last.refuse({ code: 14, message: "busy", data: { temporary: true, nodes: ["http://evil"] } });
    for (let i = 0; i < 5; i++) {
      await vi.advanceTimersByTimeAsync(30_000);
      FakeSocket.last.drop(1006);
    }
    expect(new Set(urls())).toEqual(new Set(["ws://hub/ws"]));
  });
});
