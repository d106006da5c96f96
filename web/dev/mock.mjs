// A stand-in for the hub, to work on the console without one:
//   node dev/mock.mjs [--port 8099] [--no-dev] [--live] [--empty]
// It serves dist/ as well. Nothing here is part of what is shipped.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { extname, join, normalize } from "node:path";
import { WebSocketServer } from "ws";
import { MockHub } from "./hub.mjs";
import { seed } from "./seed.mjs";

const args = process.argv.slice(2);
const port = Number(args[args.indexOf("--port") + 1]) || 8099;
const dev = !args.includes("--no-dev");
const dist = fileURLToPath(new URL("../dist", import.meta.url));
const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };
const policy = "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'none'";

const hub = new MockHub();
if (!args.includes("--empty")) seed(hub);

const encode = (claims) => `mock.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.mock`;
const decode = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());

const routes = {
  "POST /api/v1/dev/sign-in": (body) => {
    if (!/^[A-Za-z0-9._@-]{1,128}$/.test(body.admin ?? "")) return [422, { title: "invalid", detail: "admin: a key has 1 to 128 characters of A-Z a-z 0-9 . _ @ -" }];
    const { admin, name = "", malls = [], partners = [] } = body;
    return [200, { token: encode({ sub: admin, name, malls, partners, exp: Math.floor(Date.now() / 1000) + 3600 }) }];
  },
  "POST /api/v1/dev/publish": (body) => {
    if (!body.type || !body.targets?.length) return [422, { title: "invalid", detail: "type and targets are required" }];
    hub.publish(body);
    return [204, undefined];
  },
};

const server = createServer((request, response) => {
  answer(request, response).catch((error) => response.writeHead(500).end(String(error)));
});

async function answer(request, response) {
  const path = new URL(request.url, "http://mock").pathname;
  const route = routes[`${request.method} ${path}`];
  if (route && dev) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const [status, body] = route(JSON.parse(Buffer.concat(chunks).toString() || "{}"));
    response.writeHead(status, { "content-type": status < 300 ? "application/json" : "application/problem+json" }).end(JSON.stringify(body));
    return;
  }
  const file = normalize(join(dist, path === "/" ? "index.html" : path));
  const content = file.startsWith(dist) ? await readFile(file).catch(() => undefined) : undefined;
  if (!content) return void response.writeHead(404).end("not found");
  response.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream", "content-security-policy": policy }).end(content);
}

class Session {
  constructor(socket) {
    this.socket = socket;
    this.cursor = {};
    socket.on("message", (data) => this.receive(JSON.parse(String(data))));
    socket.on("close", () => { hub.sessions.delete(this); clearInterval(this.beat); });
  }

  notify(method, params) {
    this.socket.send(JSON.stringify({ jsonrpc: "2.0", method, params }));
  }

  deliver(entry) {
    if (!hub.streamsOf(this.me).includes(entry.stream)) return;
    this.notify("entry", entry);
    clearTimeout(this.counting);
    this.counting = setTimeout(() => this.notify("unread", hub.unread(this.me)), 100);
  }

  receive({ id, method, params }) {
    const reply = (result) => this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, result }));
    switch (method) {
      case "connect": return this.begin(params, reply);
      case "timeline.list": return reply(hub.list(this.me, params));
      case "timeline.read": return reply(hub.read(this.me, params));
      case "unread": return reply(hub.unread(this.me));
      case "refresh": return reply(this.welcome());
    }
    this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32601, message: "no such method" } }));
  }

  welcome() {
    const { total, version } = hub.unread(this.me);
    return { session: "mock", node: "mock-1", heartbeatMs: 25_000, me: this.me, streams: hub.states(this.me), unread: { total, version } };
  }

  begin({ token, cursor }, reply) {
    try {
      const { sub, name, malls, partners } = decode(token);
      this.me = { admin: sub, name, malls, partners };
    } catch {
      return this.socket.close(4500, "bad token");
    }
    const streams = hub.states(this.me);
    reply(this.welcome());
    for (const { stream, head } of streams) {
      const seen = cursor?.[stream] ?? head;
      if (seen > head) this.notify("gap", { stream, from: head, to: head, reason: "reset" });
      for (const entry of hub.after(stream, seen)) this.notify("entry", entry);
    }
    hub.sessions.add(this);
    this.beat = setInterval(() => this.notify("heartbeat", {}), 25_000);
  }
}

new WebSocketServer({ server, path: "/ws", handleProtocols: () => "bongsu.v1.json" }).on("connection", (socket) => new Session(socket));

if (args.includes("--live")) {
  setInterval(() => seed(hub, 1), 7_000);
}
server.listen(port, "127.0.0.1", () => console.log(`mock hub on http://127.0.0.1:${port}`));
