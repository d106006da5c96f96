import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Console, expect, somebody, test as base } from "./console.ts";

interface Node {
  name: string;
  url: string;
  pid: number;
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Three real nodes on a real Kafka and ClickHouse, as `make cluster` starts them. */
class Cluster {
  readonly nodes: Node[] = [];
  readonly #process: ChildProcess;
  readonly #log: string[] = [];

  constructor() {
    this.#process = spawn("bin/faults", ["cluster", "--bongsu", "bin/bongsu"], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
      createInterface(stream).on("line", (line) => this.#heard(line));
    }
  }

  #heard(line: string): void {
    this.#log.push(line);
    const node = /^\s+(\S+)\s+(http:\S+)\s+pid (\d+)$/.exec(line);
    if (node) this.nodes.push({ name: node[1]!, url: node[2]!, pid: Number(node[3]) });
  }

  /** Waits until all nodes are fit for traffic. */
  async ready(): Promise<void> {
    await expect
      .poll(async () => {
        if (this.#process.exitCode !== null) throw new Error(this.#log.join("\n"));
        const answers = await Promise.all(
          this.nodes.map(({ url }) => fetch(`${url}/readyz`).then(({ ok }) => ok, () => false)),
        );
        return answers.filter(Boolean).length;
      }, { timeout: 90_000 })
      .toBe(3);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.kill("SIGINT");
    await ended;
  }
}

const test = base.extend<{ cluster: Cluster }>({
  cluster: [
    async ({}, use) => {
      const cluster = new Cluster();
      try {
        await cluster.ready();
        await use(cluster);
      } finally {
        await cluster.stop();
      }
    },
    { timeout: 120_000 },
  ],
});

/** Publishes through a node, as a service with a token would. */
async function publish(node: Node, stream: string, title: string): Promise<void> {
  const json = { "Content-Type": "application/json" };
  const body = JSON.stringify({ admin: "publisher", malls: [] });
  const signIn = await fetch(`${node.url}/api/v1/dev/sign-in`, { method: "POST", headers: json, body });
  const { token } = (await signIn.json()) as { token: string };
  const event = JSON.stringify({ type: "ORDER_PLACED", targets: [stream], title });
  const answer = await fetch(`${node.url}/api/v1/events`, {
    method: "POST", headers: { ...json, Authorization: `Bearer ${token}` }, body: event,
  });
  expect(answer.status, await answer.text()).toBe(202);
}

test("when the console's node is killed the console goes on at another, and misses nothing", async ({ browser, cluster }) => {
  test.setTimeout(180_000);
  const [first, second, third] = cluster.nodes as [Node, Node, Node];
  const person = somebody();
  const stream = `mall:${person.malls[0]}`;
  const console = await Console.open(browser, first, person);
  await publish(second, stream, "순서 1.");
  await expect(console.entry("순서 1.")).toBeVisible();
  process.kill(first.pid, "SIGKILL");
  await publish(third, stream, "순서 2.");
  await expect(console.entry("순서 2.")).toBeVisible();
  await console.live();
  await publish(second, stream, "순서 3.");
  await expect(console.entry("순서 3.")).toBeVisible();
  expect(await console.seqs(stream)).toEqual([3, 2, 1]);
  await console.wantUnread(3);
  await console.close();
});
