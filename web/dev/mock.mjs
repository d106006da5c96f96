// A stand-in for the hub, to work on the console without one:
//   node dev/mock.mjs [--port 8099] [--nodes 1] [--no-dev] [--live] [--empty] [--churn]
// It serves dist/ as well. Nothing here is part of what is shipped.

import { MockCluster } from "./cluster.mjs";
import { seed } from "./seed.mjs";

const args = process.argv.slice(2);
const number = (name, otherwise) => Number(args[args.indexOf(name) + 1]) || otherwise;
const port = number("--port", 8099);

const cluster = new MockCluster({ dev: !args.includes("--no-dev") });
if (!args.includes("--empty")) seed(cluster.hub);
for (let i = 0; i < (args.includes("--nodes") ? number("--nodes", 3) : 1); i++) {
  const { name, url } = await cluster.start(`node-${i + 1}`, port + i);
  console.log(`${name} on ${url}`);
}
if (args.includes("--live")) {
  setInterval(() => seed(cluster.hub, 1), 7_000);
}
if (args.includes("--churn")) {
  // The last node goes and comes back.
  const [name, node] = [...cluster.nodes].at(-1);
  const last = Number(new URL(node.url).port);
  setInterval(() => void (cluster.nodes.has(name) ? cluster.stop(name) : cluster.start(name, last)), 8_000);
}
