/** One node of the cluster, as the node that was asked sees it. */
export interface Member {
  id: string;
  name: string;
  address: string;
  url: string;
  generation: number;
  shards: number[];
  /** Records of its shards that it has not applied yet. */
  lag: number;
  sessions: number;
  /** When it started, or joined again, by its own clock: milliseconds, or NaN. */
  since: number;
  /** Whether it answered; without, lag and sessions are not known. */
  reachable: boolean;
}

/** Shards that went from one node to another within a second. */
export interface Move {
  at: number;
  shards: number[];
  /** Names; "" is nobody. */
  from: string;
  to: string;
}

export interface Cluster {
  /** The id of the node that was asked. */
  node: string;
  generation: number;
  shards: number;
  /** By name. */
  members: Member[];
  unowned: number[];
  /** Newest first. */
  moves: Move[];
}

/** Reads the answer to GET /cluster. What is missing or odd counts as empty. */
export function readCluster(raw: unknown): Cluster {
  const { node, generation, shards, members, unowned, moves } = object(raw);
  const list = array(members).map(readMember);
  list.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }) || (a.id < b.id ? -1 : 1));
  return {
    node: text(node),
    generation: number(generation),
    shards: number(shards),
    members: list,
    unowned: numbers(unowned),
    moves: groupMoves(array(moves)),
  };
}

function readMember(raw: unknown): Member {
  const m = object(raw);
  return {
    id: text(m["id"]),
    name: text(m["name"]) || text(m["id"]),
    address: text(m["address"]),
    url: text(m["url"]),
    generation: number(m["generation"]),
    shards: numbers(m["shards"]),
    lag: number(m["lag"]),
    sessions: number(m["sessions"]),
    since: Date.parse(text(m["since"])),
    reachable: m["reachable"] !== false,
  };
}

/** Makes one move of those with the same ends in the same second. */
function groupMoves(raw: unknown[]): Move[] {
  const moves: Move[] = [];
  for (const one of raw.map(object)) {
    const { shard } = one;
    const [at, from, to] = [Date.parse(text(one["at"])), text(one["from"]), text(one["to"])];
    if (typeof shard !== "number") continue;
    const same = moves.find((m) => m.from === from && m.to === to && second(m.at) === second(at));
    if (same) same.shards.push(shard);
    else moves.push({ at, shards: [shard], from, to });
  }
  for (const move of moves) move.shards.sort((a, b) => a - b);
  return moves;
}

const second = (at: number) => Math.floor(at / 1000);

/** Of each shard the id of its owner: where two claim it, that of the higher generation, then the lower id. */
export function owners({ shards, members }: Cluster): (string | undefined)[] {
  const owner = new Array<Member | undefined>(shards).fill(undefined);
  for (const member of members) {
    for (const shard of member.shards) {
      const other = owner[shard];
      const older = other && (other.generation > member.generation || (other.generation === member.generation && other.id < member.id));
      if (shard < shards && !older) owner[shard] = member;
    }
  }
  return owner.map((member) => member?.id);
}

/** Ascending numbers as people write them: "0–3, 7, 9–10". */
export function ranges(shards: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < shards.length; ) {
    const from = shards[i]!;
    while (shards[i + 1] === shards[i]! + 1) i++;
    const to = shards[i++]!;
    parts.push(from === to ? `${from}` : `${from}–${to}`);
  }
  return parts.join(", ");
}

/** How many colours there are for nodes. */
const colours = 8;

/** Gives nodes colours that they keep: the first to come the first, by name, across restarts. */
export class Colours {
  readonly #of = new Map<string, number>();

  of(name: string): number {
    const known = this.#of.get(name) ?? this.#of.size % colours;
    this.#of.set(name, known);
    return known;
  }
}

function object(raw: unknown): Record<string, unknown> {
  return typeof raw === "object" && raw !== null ? (raw as Record<string, unknown>) : {};
}

function array(raw: unknown): unknown[] {
  return Array.isArray(raw) ? raw : [];
}

function numbers(raw: unknown): number[] {
  return array(raw).filter((n): n is number => Number.isSafeInteger(n) && (n as number) >= 0).sort((a, b) => a - b);
}

function number(raw: unknown): number {
  return typeof raw === "number" && Number.isFinite(raw) ? raw : 0;
}

function text(raw: unknown): string {
  return typeof raw === "string" ? raw : "";
}
