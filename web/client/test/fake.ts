import { vi, type Mock } from "vitest";
import { connect, MemoryCursorStore, type Client, type Options, type StreamState } from "../src/index.ts";

/** What the client sent: a call. */
export interface Call {
  id: number;
  method: string;
  params: Record<string, unknown>;
}

/** A WebSocket whose other side is the test. */
export class FakeSocket {
  static all: FakeSocket[] = [];

  /** The newest one. */
  static get last(): FakeSocket {
    const socket = FakeSocket.all.at(-1);
    if (!socket) throw new Error("no socket was opened");
    return socket;
  }

  onopen: ((event: object) => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: ((event: object) => void) | null = null;
  readonly url: string;
  readonly protocols: string[];
  readonly calls: Call[] = [];
  closedWith: number | undefined;

  constructor(url: string, protocols: string[]) {
    this.url = url;
    this.protocols = protocols;
    FakeSocket.all.push(this);
  }

  send(data: string): void {
    this.calls.push(JSON.parse(data) as Call);
  }

  close(code?: number): void {
    this.closedWith = code ?? 1005;
  }

  get lastCall(): Call {
    const call = this.calls.at(-1);
    if (!call) throw new Error("nothing was called");
    return call;
  }

  open(): void {
    this.onopen?.({});
  }

  receive(message: unknown): void {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }

  push(method: string, params: unknown): void {
    this.receive({ jsonrpc: "2.0", method, params });
  }

  answer(result: unknown, call = this.lastCall): void {
    this.receive({ jsonrpc: "2.0", id: call.id, result });
  }

  refuse(error: unknown, call = this.lastCall): void {
    this.receive({ jsonrpc: "2.0", id: call.id, error });
  }

  drop(code = 1006, reason = ""): void {
    this.onclose?.({ code, reason });
  }
}

export const streams: StreamState[] = [
  { stream: "all", head: 10, read: 10, unread: 0 },
  { stream: "mall:1001", head: 42, read: 40, unread: 2 },
];

export function session(changes: Record<string, unknown> = {}) {
  return {
    session: "s", node: "n1", heartbeatMs: 10_000, me: { admin: "7", name: "Kim", malls: ["1001"], partners: [] },
    streams, unread: { total: 2, version: 92 }, ...changes,
  };
}

/** A token of admin 7 that expires so many seconds from now. */
export function jwt(seconds = 3600, sub = "7"): string {
  const payload = btoa(JSON.stringify({ sub, exp: Math.floor(Date.now() / 1000) + seconds })).replaceAll("=", "");
  return `h.${payload}.s`;
}

export interface Log {
  entries: string[];
  gaps: string[];
  states: string[];
  marks: Record<string, number>[];
  unread: number[];
  warnings: string[];
}

/** Starts a client on fake sockets and writes down all it tells. */
export function start(options: Partial<Options> = {}): { client: Client; log: Log; token: Mock<(origin: string) => Promise<string>> } {
  const token = vi.fn(options.token ?? (() => Promise.resolve(jwt())));
  const client = connect({
    url: "ws://hub/ws", WebSocket: FakeSocket, cursorStore: new MemoryCursorStore(), random: () => 0.5, ...options, token,
  });
  const log: Log = { entries: [], gaps: [], states: [], marks: [], unread: [], warnings: [] };
  client.on("entry", (e) => log.entries.push(`${e.stream}#${e.seq}`));
  client.on("gap", (g) => log.gaps.push(`${g.stream} ${g.from}-${g.to} ${g.reason}`));
  client.on("state", (s) => log.states.push(s.name));
  client.on("marks", (m) => log.marks.push(m));
  client.on("unread", (u) => log.unread.push(u.total));
  client.on("warning", (w) => log.warnings.push(w.message));
  return { client, log, token };
}

/** Lets promises that are settled go on, without moving the clock. */
export const settle = () => vi.advanceTimersByTimeAsync(0);

/** Opens the newest socket and answers its connect. */
export async function greet(answer: unknown = session()): Promise<FakeSocket> {
  await settle();
  const socket = FakeSocket.last;
  socket.open();
  await settle();
  socket.answer(answer);
  await settle();
  return socket;
}

/** Starts a client and connects it. */
export async function live(options: Partial<Options> = {}) {
  const started = start(options);
  const socket = await greet();
  return { ...started, socket };
}
