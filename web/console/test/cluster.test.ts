import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Colours, owners, ranges, readCluster } from "../src/model/cluster.ts";
import { ClusterWatch } from "../src/model/cluster-watch.ts";

const member = (name: string, shards: number[], changes: object = {}) => ({
  id: `${name}-1`, name, address: `${name}:7001`, generation: 3, shards, lag: 0, sessions: 2, since: "2026-11-20T10:30:00Z", reachable: true, ...changes,
});
const answer = (changes: object = {}) => ({
  node: "b-1", generation: 3, shards: 4, members: [member("b", [2, 3]), member("a", [1, 0])], unowned: [], moves: [], ...changes,
});

describe("the cluster", () => {
  it("is read with its nodes by name and shards ascending", () => {
    const { members, shards, node } = readCluster(answer({ members: [member("n10", []), member("n9", [3, 0])] }));
    expect(members.map(({ name, shards }) => [name, shards])).toEqual([["n9", [0, 3]], ["n10", []]]);
    expect([shards, node]).toEqual([4, "b-1"]);
  });

  it.each([undefined, null, [], "x", { members: [null, 1, {}], unowned: ["x"], moves: [null, {}, { shard: "1" }] }])("is empty rather than broken: %j", (raw) => {
    const cluster = readCluster(raw);
    expect(cluster.shards).toBe(0);
    expect(cluster.moves).toEqual([]);
    expect(owners(cluster)).toEqual([]);
  });

  it("says of each shard who owns it", () => {
    expect(owners(readCluster(answer()))).toEqual(["a-1", "a-1", "b-1", "b-1"]);
  });

  it("believes the higher generation where two claim a shard, then the lower id", () => {
    const claims = (a: number, b: number) => owners(readCluster(answer({ members: [member("a", [0, 9], { generation: a }), member("b", [0], { generation: b })] })));
    expect(claims(3, 4)).toEqual(["b-1", undefined, undefined, undefined]);
    expect(claims(4, 3)[0]).toBe("a-1");
    expect(claims(3, 3)[0]).toBe("a-1");
  });

  it("has moves of one second and direction in one", () => {
    const move = (shard: number, from: string, to: string, at = "2026-11-20T10:30:00.100Z") => ({ at, shard, from, to });
    const { moves } = readCluster(answer({
      moves: [move(3, "a", "b"), move(1, "a", "b"), move(2, "b", "gone"), move(0, "", "a", "2026-11-20T10:29:00Z"), move(1, "b", "a", "2026-11-20T10:29:00Z")],
    }));
    expect(moves.map(({ shards, from, to }) => `${from}>${to} ${shards.join()}`)).toEqual(["a>b 1,3", "b>gone 2", ">a 0", "b>a 1"]);
  });

  it("writes shards as ranges", () => {
    expect([[], [5], [0, 1], [0, 1, 2, 4, 6, 7]].map(ranges)).toEqual(["", "5", "0–1", "0–2, 4, 6–7"]);
  });

  it("keeps a node's colour while others come and go", () => {
    const colours = new Colours();
    expect(["a", "b", "c"].map((name) => colours.of(name))).toEqual([0, 1, 2]);
    expect(colours.of("c")).toBe(2);
    expect(Array.from({ length: 20 }, (_, i) => colours.of(`n${i}`)).every((colour) => colour < 8)).toBe(true);
  });
});

describe("watching the cluster", () => {
  const listeners = new Set<() => void>();
  const page = {
    visibilityState: "visible",
    addEventListener: (_: string, run: () => void) => listeners.add(run),
    removeEventListener: (_: string, run: () => void) => listeners.delete(run),
  };
  const show = (state: string) => {
    page.visibilityState = state;
    for (const run of listeners) run();
  };
  const asked = vi.fn<(url: string, init: RequestInit) => Promise<Response>>();
  const watching = (node: ConstructorParameters<typeof ClusterWatch>[0]["node"] = () => ({ origin: "http://two", token: "t" })) => {
    const watch = new ClusterWatch({ node });
    watch.start();
    return watch;
  };

  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal("document", page);
    vi.stubGlobal("fetch", asked);
    asked.mockReset().mockImplementation(() => Promise.resolve(Response.json(answer())));
    page.visibilityState = "visible";
  });
  afterEach(() => {
    listeners.clear();
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });

  it("asks the node of the socket every second, with the token, and follows no redirect", async () => {
    const watch = watching();
    await vi.advanceTimersByTimeAsync(2_500);
    expect(asked).toHaveBeenCalledTimes(3);
    expect(asked.mock.calls[0]).toMatchObject(["http://two/api/v1/cluster", { headers: { authorization: "Bearer t" }, redirect: "error" }]);
    expect(watch.owners.value).toEqual(["a-1", "a-1", "b-1", "b-1"]);
    watch.stop();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked).toHaveBeenCalledTimes(3);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("rests while the page is hidden, and asks at once when it is shown", async () => {
    const watch = watching();
    await vi.advanceTimersByTimeAsync(100);
    show("hidden");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toHaveBeenCalledTimes(1);
    show("visible");
    await vi.advanceTimersByTimeAsync(0);
    expect(asked).toHaveBeenCalledTimes(2);
    watch.stop();
  });

  it("asks nobody without a connection, and goes on once there is one", async () => {
    const to: { node?: { origin: string; token: string } } = {};
    const watch = watching(() => to.node);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(asked).not.toHaveBeenCalled();
    to.node = { origin: "http://one", token: "t" };
    await vi.advanceTimersByTimeAsync(1_000);
    expect(watch.cluster.value?.members).toHaveLength(2);
    watch.stop();
  });

  it("keeps what it has while there is no answer", async () => {
    const watch = watching();
    await vi.advanceTimersByTimeAsync(100);
    asked.mockImplementation(() => Promise.resolve(Response.json({ detail: "starting" }, { status: 503 })));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(watch.error.value?.message).toBe("starting");
    expect(watch.cluster.value?.members).toHaveLength(2);
    asked.mockImplementation(() => Promise.resolve(Response.json(answer())));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(watch.error.value).toBeUndefined();
    watch.stop();
  });

  it("shows for five seconds which shards have moved", async () => {
    const watch = watching();
    await vi.advanceTimersByTimeAsync(100);
    expect(watch.moved.value.size).toBe(0);
    asked.mockImplementation(() => Promise.resolve(Response.json(answer({ members: [member("b", [1, 2, 3]), member("a", [0])] }))));
    await vi.advanceTimersByTimeAsync(1_000);
    expect([...watch.moved.value]).toEqual([1]);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(watch.moved.value.size).toBe(0);
    watch.stop();
  });
});
