// One stand-in for a node of the hub: the console's files, the sockets, and the
// calls of the API that the console makes.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { extname, join, normalize } from "node:path";
import { WebSocketServer } from "ws";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };
const policy = "default-src 'self'; connect-src 'self' ws: wss: http: https:; frame-ancestors 'none'";
const scopes = ["publish", "ops"];

const encode = (claims) => `mock.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.mock`;
const decode = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString());

/** A node in this process. */
export class MockNode {
  sessions = new Set();
  since = new Date().toISOString();

  constructor({ name, dev, cluster }) {
    this.name = name;
    this.id = `${name}-${Math.random().toString(36).slice(2, 8)}`;
    this.cluster = cluster;
    this.hub = cluster.hub;
    this.server = createServer((request, response) => {
      this.#answer(request, response).catch((error) => response.writeHead(500).end(String(error)));
    });
    this.routes = {
      "GET /api/v1/cluster": () => [200, cluster.describe(name)],
      ...(dev ? { "POST /api/v1/dev/sign-in": signIn, "POST /api/v1/dev/publish": (body) => this.#publish(body) } : {}),
    };
    this.sockets = new WebSocketServer({ server: this.server, path: "/ws", handleProtocols: () => "bongsu.v1.json" });
    this.sockets.on("connection", (socket) => new Session(socket, this));
  }

  async listen(port) {
    this.server.listen(port, "127.0.0.1");
    await once(this.server, "listening");
    this.url = `http://127.0.0.1:${this.server.address().port}`;
  }

  async end(code) {
    for (const socket of this.sockets.clients) code ? socket.close(code, "restarting") : socket.terminate();
    this.server.close();
    if (!code) this.server.closeAllConnections();
    else this.server.closeIdleConnections();
    await once(this.server, "close");
  }

  async #answer(request, response) {
    const path = new URL(request.url, "http://mock").pathname;
    if (path.startsWith("/api/")) return this.#call(`${request.method} ${path}`, request, response);
    const file = normalize(join(dist, path === "/" ? "index.html" : path));
    const content = file.startsWith(dist) ? await readFile(file).catch(() => undefined) : undefined;
    if (!content) return void response.writeHead(404).end("not found");
    response.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream", "content-security-policy": policy }).end(content);
  }

  async #call(name, request, response) {
    const { origin } = request.headers;
    if (origin && !this.cluster.urls.has(origin)) return void response.writeHead(403).end();
    if (origin) response.setHeader("access-control-allow-origin", origin);
    if (request.method === "OPTIONS") {
      return void response.writeHead(204, { "access-control-allow-methods": "GET, POST", "access-control-allow-headers": "Authorization, Content-Type" }).end();
    }
    const route = this.routes[name];
    if (!route) return void response.writeHead(404).end("not found");
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const [status, body] = route(JSON.parse(Buffer.concat(chunks).toString() || "{}"));
    response.writeHead(status, { "content-type": status < 300 ? "application/json" : "application/problem+json" }).end(JSON.stringify(body));
  }

  #publish(body) {
    if (!body.type || !body.targets?.length) return [422, { title: "invalid", detail: "type and targets are required" }];
    this.hub.publish(body);
    return [204, undefined];
  }
}

function signIn({ admin, name = "", malls = [], partners = [] }) {
  if (!/^[A-Za-z0-9._@-]{1,128}$/.test(admin ?? "")) return [422, { title: "invalid", detail: "admin: a key has 1 to 128 characters of A-Z a-z 0-9 . _ @ -" }];
  return [200, { token: encode({ sub: admin, name, malls, partners, exp: Math.floor(Date.now() / 1000) + 3600 }) }];
}

class Session {
  constructor(socket, node) {
    this.socket = socket;
    this.node = node;
    this.hub = node.hub;
    socket.on("message", (data) => this.receive(JSON.parse(String(data))));
    socket.on("close", () => {
      this.hub.sessions.delete(this);
      node.sessions.delete(this);
      clearInterval(this.beat);
    });
  }

  notify(method, params) {
    this.socket.send(JSON.stringify({ jsonrpc: "2.0", method, params }));
  }

  deliver(entry) {
    if (!this.hub.streamsOf(this.me).includes(entry.stream)) return;
    this.notify("entry", entry);
    clearTimeout(this.counting);
    this.counting = setTimeout(() => this.notify("unread", this.hub.unread(this.me)), 100);
  }

  receive({ id, method, params }) {
    const reply = (result) => this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, result }));
    switch (method) {
      case "connect": return this.begin(params, reply);
      case "timeline.list": return reply(this.hub.list(this.me, params));
      case "timeline.read": return reply(this.hub.read(this.me, params));
      case "unread": return reply(this.hub.unread(this.me));
      case "refresh": return reply(this.welcome());
    }
    this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32601, message: "no such method" } }));
  }

  welcome() {
    const { total, version } = this.hub.unread(this.me);
    const { id, name, cluster } = this.node;
    return { session: "mock", node: id, nodes: cluster.addresses(name), heartbeatMs: 25_000, me: this.me, streams: this.hub.states(this.me), unread: { total, version } };
  }

  begin({ token, cursor }, reply) {
    try {
      const { sub, name, malls, partners } = decode(token);
      this.me = { admin: sub, name, malls, partners, scopes };
    } catch {
      return this.socket.close(4500, "bad token");
    }
    const streams = this.hub.states(this.me);
    reply(this.welcome());
    for (const { stream, head } of streams) {
      const seen = cursor?.[stream] ?? head;
      if (seen > head) this.notify("gap", { stream, from: head, to: head, reason: "reset" });
      for (const entry of this.hub.after(stream, seen)) this.notify("entry", entry);
    }
    this.hub.sessions.add(this);
    this.node.sessions.add(this);
    this.beat = setInterval(() => this.notify("heartbeat", {}), 25_000);
  }
}
