// The little of a hub that the console needs, in memory: streams, marks, pages.

const maxPage = 200;

/** A hub for development: no rights are checked beyond "is it one of your streams". */
export class MockHub {
  #streams = new Map(); // stream → entries, oldest first
  #marks = new Map(); // admin → Map(stream → seq)
  #clock = 0;
  sessions = new Set();

  streamsOf(me) {
    return [...new Set(["all", `admin:${me.admin}`, ...me.malls.map((m) => `mall:${m}`), ...me.partners.map((p) => `partner:${p}`)])];
  }

  head(stream) {
    return this.#streams.get(stream)?.length ?? 0;
  }

  publish(event, at = new Date().toISOString()) {
    const { targets, ...rest } = event;
    const id = event.id ?? `mock-${++this.#clock}`;
    for (const stream of targets) {
      const entries = this.#streams.get(stream) ?? [];
      this.#streams.set(stream, entries);
      const entry = { stream, seq: entries.length + 1, kind: "notification", ...rest, id, at: event.at ?? at };
      entries.push({ ...entry, order: ++this.#clock });
      for (const session of this.sessions) session.deliver(entry);
    }
    return id;
  }

  marks(me) {
    const marks = this.#marks.get(me.admin) ?? new Map();
    this.#marks.set(me.admin, marks);
    for (const stream of this.streamsOf(me)) {
      // A few of what was seeded stay unread, so that there is something to see.
      if (!marks.has(stream)) marks.set(stream, stream.startsWith("admin:") ? 0 : Math.max(0, this.head(stream) - 5));
    }
    return marks;
  }

  unread(me) {
    const marks = this.marks(me);
    const unread = { total: 0, version: 0, streams: {} };
    for (const stream of this.streamsOf(me)) {
      const [head, read] = [this.head(stream), marks.get(stream)];
      unread.version += head + read;
      unread.total += head - read;
      if (head > read) unread.streams[stream] = head - read;
    }
    return unread;
  }

  states(me) {
    const marks = this.marks(me);
    return this.streamsOf(me).map((stream) => {
      const [head, read] = [this.head(stream), marks.get(stream)];
      return { stream, head, read, unread: head - read };
    });
  }

  read(me, { stream, seq, all }) {
    const marks = this.marks(me);
    for (const name of all ? this.streamsOf(me) : [stream]) {
      const upTo = Math.min(all ? Infinity : seq, this.head(name));
      marks.set(name, Math.max(marks.get(name) ?? 0, upTo));
    }
    const unread = this.unread(me);
    for (const session of this.sessions) {
      if (session.me?.admin === me.admin) session.notify("unread", unread);
    }
    return unread;
  }

  after(stream, seq) {
    return (this.#streams.get(stream) ?? []).slice(seq).map(strip);
  }

  list(me, { stream, type, unread, before, after, limit = 50 } = {}) {
    const marks = this.marks(me);
    const names = stream ? stream.split(",").filter((s) => this.streamsOf(me).includes(s)) : this.streamsOf(me);
    const types = type?.split(",");
    const isSeq = /^\d+$/.test(String(before ?? after ?? ""));
    const found = names
      .flatMap((name) => this.#streams.get(name) ?? [])
      .filter((e) => !types || types.includes(e.type))
      .filter((e) => !unread || e.seq > marks.get(e.stream))
      .filter((e) => !before || (isSeq ? e.seq < Number(before) : e.order < Number(before.slice(1))))
      .filter((e) => !after || (isSeq ? e.seq > Number(after) : e.order > Number(after.slice(1))))
      .sort((a, b) => b.order - a.order);
    const page = found.slice(0, Math.min(limit, maxPage));
    const next = found.length > page.length ? { next: `p${page.at(-1).order}` } : {};
    return { entries: page.map((e) => ({ ...strip(e), read: e.seq <= marks.get(e.stream) })), ...next };
  }
}

function strip({ order: _, ...entry }) {
  return entry;
}
