import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
// A connection that outlives its request may be to a hub that is gone.
const json = { "content-type": "application/json", connection: "close" };
const binary = resolve(process.env["BONGSU_BINARY"] ?? join(import.meta.dirname, "../../bin/bongsu"));

/** An event as a domain service publishes it. */
export interface Event {
  id?: string;
  type?: string;
  target: string | string[];
  title?: string;
  body?: string;
  link?: string;
  data?: object;
  at?: string;
}

/** A real hub in development mode, with everything embedded, on ports of its own. */
export class Hub {
  readonly url: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #dir: string;
  #process: ChildProcess | undefined;

  private constructor(dir: string, http: number, kafka: number, env: NodeJS.ProcessEnv) {
    this.#dir = dir;
    this.url = `http://127.0.0.1:${http}`;
    const clean = Object.entries(process.env).filter(([name]) => !name.startsWith("BONGSU_"));
    this.#env = {
      ...Object.fromEntries(clean),
      BONGSU_DEV: "true",
      BONGSU_HTTP_ADDR: `127.0.0.1:${http}`,
      BONGSU_KAFKA_EMBEDDED_ADDR: `127.0.0.1:${kafka}`,
      BONGSU_KAFKA_BROKERS: "",
      BONGSU_DATA_DIR: join(dir, "data"),
      BONGSU_DRAIN_WINDOW: "500ms",
      ...env,
    };
  }

  /** Starts a hub with further settings and returns when it is ready. */
  static async start(env: NodeJS.ProcessEnv = {}): Promise<Hub> {
    const dir = await mkdtemp(join(tmpdir(), "bongsu-web-"));
    const hub = new Hub(dir, await freePort(), await freePort(), env);
    await hub.up();
    return hub;
  }

  /** Starts the process again on the same ports and data. */
  async up(): Promise<void> {
    const log = createWriteStream(join(this.#dir, "hub.log"), { flags: "a" });
    await once(log, "open");
    this.#process = spawn(binary, ["serve"], { env: this.#env, cwd: this.#dir, stdio: ["ignore", log, log] });
    for (let tries = 0; tries < 600; tries++) {
      if (this.#process.exitCode !== null) throw new Error(`the hub ended with ${this.#process.exitCode}; see ${this.#dir}/hub.log`);
      const ready = await fetch(`${this.url}/readyz`).then((res) => res.ok, () => false);
      if (ready) return;
      await sleep(50);
    }
    throw new Error("the hub is not ready");
  }

  /** Ends the process as kill -9 does, or by the signal, and returns when it is gone. */
  async down(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const process = this.#process;
    if (!process || process.exitCode !== null || process.signalCode !== null) return;
    const gone = once(process, "exit");
    process.kill(signal);
    await gone;
  }

  async stop(): Promise<void> {
    await this.down();
    await rm(this.#dir, { recursive: true, force: true });
  }

  /** Publishes to Kafka with the command line, as an operator does. */
  async publish(event: Event): Promise<void> {
    const args = ["publish", "--type", event.type ?? "ORDER_PLACED", ...[event.target].flat().flatMap((target) => ["--target", target])];
    for (const name of ["id", "title", "body", "link"] as const) {
      const value = event[name];
      if (value !== undefined) args.push(`--${name}`, value);
    }
    await run(binary, [...args, "--kafka-brokers", this.#env["BONGSU_KAFKA_EMBEDDED_ADDR"]!], { env: this.#env });
  }

  /** Publishes over HTTP: acknowledged when the journal has it. */
  async post(events: Event[]): Promise<void> {
    const token = await this.token("publisher");
    for (const { target, ...event } of events) {
      const res = await fetch(`${this.url}/api/v1/events`, {
        method: "POST",
        headers: { ...json, authorization: `Bearer ${token}` },
        body: JSON.stringify({ type: "ORDER_PLACED", ...event, targets: [target].flat() }),
      });
      if (res.status !== 202) throw new Error(`${res.status}: ${await res.text()}`);
    }
  }

  /** How much the person has not read, as the API says. */
  async unread(admin: string, malls: string[] = []): Promise<number> {
    const token = await this.token(admin, malls);
    const res = await fetch(`${this.url}/api/v1/unread`, { headers: { authorization: `Bearer ${token}` } });
    return ((await res.json()) as { total: number }).total;
  }

  /** A token for the person. */
  async token(admin: string, malls: string[] = []): Promise<string> {
    const res = await fetch(`${this.url}/api/v1/dev/sign-in`, {
      method: "POST",
      headers: json,
      body: JSON.stringify({ admin, malls }),
    });
    if (!res.ok) throw new Error(`sign-in: ${res.status}: ${await res.text()}`);
    return ((await res.json()) as { token: string }).token;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
