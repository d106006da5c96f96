import { BongsuError } from "./errors.js";
import { isSeq } from "./cursor.js";
import type { Entry, Gap, Page, Session, StreamState, Unread } from "./types.js";

/**
 * The readers of what the hub sends. Each checks what this library relies on,
 * leaves the rest as it came, and throws a BongsuError otherwise.
 */

export function readEntry(raw: unknown): Entry {
  const entry = object(raw, "entry");
  if (typeof entry["stream"] !== "string" || !isSeq(entry["seq"])) throw malformed("entry");
  return entry as unknown as Entry;
}

export function readGap(raw: unknown): Gap {
  const gap = object(raw, "gap");
  if (typeof gap["stream"] !== "string" || !isSeq(gap["from"]) || !isSeq(gap["to"])) throw malformed("gap");
  return { stream: gap["stream"], from: gap["from"], to: gap["to"], reason: text(gap["reason"]) || "behind" };
}

export function readUnread(raw: unknown): Unread {
  const unread = object(raw, "unread");
  if (!isSeq(unread["total"]) || !isSeq(unread["version"])) throw malformed("unread");
  const streams: Record<string, number> = {};
  for (const [stream, count] of Object.entries(object(unread["streams"] ?? {}, "unread"))) {
    if (!isSeq(count)) throw malformed("unread");
    streams[stream] = count;
  }
  return { total: unread["total"], version: unread["version"], streams };
}

export function readPage(raw: unknown): Page {
  const page = object(raw, "page");
  if (!Array.isArray(page["entries"])) throw malformed("page");
  page["entries"].forEach(readEntry);
  return page as unknown as Page;
}

export function readSession(raw: unknown): Session {
  const session = object(raw, "connect");
  const me = object(session["me"], "connect");
  if (typeof me["admin"] !== "string" || !Array.isArray(session["streams"])) throw malformed("connect");
  const streams = session["streams"].map(readStream);
  const unread = readUnread(session["unread"]);
  const heartbeat = session["heartbeatMs"];
  return {
    session: text(session["session"]),
    node: text(session["node"]),
    ...(Array.isArray(session["nodes"]) ? { nodes: texts(session["nodes"]) } : {}),
    heartbeatMs: typeof heartbeat === "number" && heartbeat > 0 ? heartbeat : 25_000,
    me: {
      admin: me["admin"],
      name: text(me["name"]),
      malls: texts(me["malls"]),
      partners: texts(me["partners"]),
      ...(Array.isArray(me["scopes"]) ? { scopes: texts(me["scopes"]) } : {}),
    },
    streams,
    unread: { total: unread.total, version: unread.version },
  };
}

function readStream(raw: unknown): StreamState {
  const { stream, head, read, unread } = object(raw, "connect");
  if (typeof stream !== "string" || !isSeq(head) || !isSeq(read)) throw malformed("connect");
  if (!isSeq(unread) || unread > head) return { stream, head, read, unread: Math.max(0, head - read) };
  // Where retention has passed the mark by, fewer are unread than lie beyond it.
  return { stream, head, read: Math.max(read, head - unread), unread };
}

function text(raw: unknown): string {
  return typeof raw === "string" ? raw : "";
}

function texts(raw: unknown): string[] {
  return Array.isArray(raw) ? raw.map(String) : [];
}

function object(raw: unknown, what: string): Record<string, unknown> {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) throw malformed(what);
  return raw as Record<string, unknown>;
}

function malformed(what: string): BongsuError {
  return new BongsuError(`the hub sent a malformed ${what}`);
}
