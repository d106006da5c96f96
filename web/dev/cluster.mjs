// A cluster of stand-ins: they share one hub, and hand shards to each other.

import { MockHub } from "./hub.mjs";
import { MockNode } from "./node.mjs";

const mostMoves = 50;

/** Nodes that come and go in one process. */
export class MockCluster {
  hub = new MockHub();
  nodes = new Map(); // name → MockNode, those that run
  urls = new Set(); // of all that ever ran: their pages stay open
  generation = 0;
  #owners;
  #moves = [];
  #dev;

  constructor({ shards = 64, dev = true } = {}) {
    this.#owners = new Array(shards).fill(undefined);
    this.#dev = dev;
  }

  async start(name, port = 0) {
    const node = new MockNode({ name, dev: this.#dev, cluster: this });
    await node.listen(port);
    this.nodes.set(name, node);
    this.urls.add(node.url);
    this.#rebalance();
    return node;
  }

  /** Ends a node as kill -9 does, or with a close code for its sessions. */
  async stop(name, code) {
    const node = this.nodes.get(name);
    this.nodes.delete(name);
    await node.end(code);
    this.#rebalance();
  }

  /** The addresses of the nodes that run, that of `name` first. */
  addresses(name) {
    const own = this.nodes.get(name);
    return [...new Set([own, ...this.nodes.values()].filter(Boolean).map((node) => node.url))];
  }

  describe(name) {
    const members = [...this.nodes.values()].map((node) => ({
      id: node.id, name: node.name, address: node.url.replace("http://", ""), url: node.url, generation: this.generation,
      shards: this.#owners.flatMap((owner, shard) => (owner === node.name ? [shard] : [])),
      lag: 0, sessions: node.sessions.size, since: node.since, reachable: true,
    }));
    const unowned = this.#owners.flatMap((owner, shard) => (owner === undefined ? [shard] : []));
    return { node: this.nodes.get(name)?.id ?? "", generation: this.generation, shards: this.#owners.length, members, unowned, moves: this.#moves };
  }

  /** Gives each node its share, and leaves with it what it has. */
  #rebalance() {
    this.generation++;
    const names = [...this.nodes.keys()];
    const share = Math.ceil(this.#owners.length / Math.max(1, names.length));
    const held = new Map(names.map((name) => [name, 0]));
    const loose = [];
    this.#owners.forEach((owner, shard) => {
      if (held.has(owner) && held.get(owner) < share) held.set(owner, held.get(owner) + 1);
      else loose.push(shard);
    });
    const at = new Date().toISOString();
    for (const shard of loose) {
      const to = names.reduce((least, name) => (least === undefined || held.get(name) < held.get(least) ? name : least), undefined);
      const from = this.#owners[shard];
      this.#owners[shard] = to;
      if (to !== undefined) held.set(to, held.get(to) + 1);
      this.#moves.unshift({ at, shard, from: from ?? "", to: to ?? "" });
    }
    this.#moves.length = Math.min(this.#moves.length, mostMoves);
  }
}
