import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, test as base } from "@playwright/test";
import { Hub } from "../hub.ts";

const packages = join(import.meta.dirname, "../node_modules");
const scripts: Record<string, string> = {
  "/sockjs.js": join(packages, "sockjs-client/dist/sockjs.min.js"),
  "/stomp.js": join(packages, "stompjs/lib/stomp.min.js"),
  "/stompjs.js": join(packages, "@stomp/stompjs/bundles/stomp.umd.min.js"),
  "/old-page.js": join(import.meta.dirname, "old-page.js"),
};

const page = `<!doctype html><meta charset="utf-8"><title>이전 관리자 화면</title>
${Object.keys(scripts).map((src) => `<script src="${src}"></script>`).join("\n")}`;

/** The older back office's own web server: its pages are of another origin than the hub. */
export class Site {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<Site> {
    const server = createServer(async (req, res) => {
      const script = scripts[req.url ?? ""];
      res.setHeader("content-type", script ? "text/javascript; charset=utf-8" : "text/html; charset=utf-8");
      res.end(script ? await readFile(script) : page);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Site(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

let last = 1000;

/** A number that no other test uses, for a person or a mall. */
export function fresh(): string {
  last++;
  return String(last);
}

/** Tests with a hub that serves older clients, and the older back office beside it. */
export const test = base.extend<object, { site: Site; hub: Hub }>({
  site: [async ({}, use) => {
    const site = await Site.start();
    await use(site);
    await site.stop();
  }, { scope: "worker" }],
  hub: [async ({ site }, use) => {
    const hub = await Hub.start({
      BONGSU_COMPAT: "poc,stomp,order-sse",
      BONGSU_COMPAT_OPEN: "true",
      BONGSU_ALLOWED_ORIGINS: site.url,
    });
    await use(hub);
    await hub.stop();
  }, { scope: "worker" }],
});

export { expect };
