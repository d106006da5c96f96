import { batch, signal } from "@preact/signals";
import { owners, readCluster, type Cluster } from "./cluster.ts";
import { get } from "./session.ts";

/** How often (ms) the hub is asked. */
const every = 1_000;
/** How long (ms) a shard counts as just moved. */
const movedFor = 5_000;

export interface ClusterWatchOptions {
  /** Where to ask, and with which token; undefined while there is no connection. */
  node(): { origin: string; token: string } | undefined;
  /** Milliseconds that an answer may take; 4 s. */
  patience?: number;
}

/** The cluster as it is now, asked for every second while the page is on screen. */
export class ClusterWatch {
  readonly cluster = signal<Cluster | undefined>(undefined);
  /** Of each shard the id of its owner. */
  readonly owners = signal<readonly (string | undefined)[]>([]);
  /** Shards whose owner has changed in front of the viewer just now. */
  readonly moved = signal<ReadonlySet<number>>(new Set());
  /** Why the newest question got no answer; undefined if it got one. */
  readonly error = signal<Error | undefined>(undefined);
  /** When what is shown was so. */
  readonly at = signal(0);

  readonly #options: ClusterWatchOptions;
  readonly #movedAt = new Map<number, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking: AbortController | undefined;

  constructor(options: ClusterWatchOptions) {
    this.#options = options;
  }

  start(): void {
    document.addEventListener("visibilitychange", this.#look);
    this.#look();
  }

  stop(): void {
    document.removeEventListener("visibilitychange", this.#look);
    this.#pause();
  }

  readonly #look = (): void => {
    this.#pause();
    if (document.visibilityState === "visible") void this.#ask();
  };

  #pause(): void {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#asking = undefined;
  }

  async #ask(): Promise<void> {
    const asking = (this.#asking = new AbortController());
    const began = Date.now();
    const node = this.#options.node();
    if (node) {
      const signal = AbortSignal.any([asking.signal, AbortSignal.timeout(this.#options.patience ?? 4_000)]);
      try {
        const answer = await get(`${node.origin}/api/v1/cluster`, node.token, signal);
        if (!asking.signal.aborted) this.#take(readCluster(answer));
      } catch (thrown) {
        if (!asking.signal.aborted) this.error.value = thrown as Error;
      }
    }
    if (asking.signal.aborted) return;
    this.#timer = setTimeout(() => void this.#ask(), Math.max(0, began + every - Date.now()));
  }

  #take(cluster: Cluster): void {
    const [now, before, after] = [Date.now(), this.owners.peek(), owners(cluster)];
    after.forEach((id, shard) => before.length > 0 && id !== before[shard] && this.#movedAt.set(shard, now));
    for (const [shard, at] of this.#movedAt) if (at <= now - movedFor) this.#movedAt.delete(shard);
    batch(() => {
      this.cluster.value = cluster;
      this.owners.value = after;
      this.moved.value = new Set(this.#movedAt.keys());
      this.error.value = undefined;
      this.at.value = now;
    });
  }
}
