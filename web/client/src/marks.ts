import type { ListParams, Page } from "./types.js";

/** How long (ms) hints gather before the hub is asked. */
const settle = 250;
/** How many streams are asked about in one round. */
const perRound = 32;

export interface MarkFinderOptions {
  list(params: ListParams): Promise<Page>;
  found(stream: string, seq: number): void;
}

/**
 * Makes knowledge of hints about read marks. Counts tell that a person has read
 * something elsewhere, but not reliably how far; so the hub is asked, for the
 * one entry that would be the last read one, whether it is read.
 */
export class MarkFinder {
  readonly #options: MarkFinderOptions;
  #hints = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #round = 0;

  constructor(options: MarkFinderOptions) {
    this.#options = options;
  }

  /** Takes the newest hints; older ones are void. */
  look(hints: Map<string, number>): void {
    this.#hints = hints;
    clearTimeout(this.#timer);
    this.#timer = hints.size > 0 ? setTimeout(() => void this.#ask(), settle) : undefined;
  }

  /** Forgets all hints. */
  clear(): void {
    this.#round++;
    this.look(new Map());
  }

  async #ask(): Promise<void> {
    const round = ++this.#round;
    const hints = [...this.#hints].slice(0, perRound);
    for (const [stream, seq] of hints) {
      const page = await this.#options.list({ stream, before: seq + 1, limit: 1 }).catch(() => undefined);
      if (round !== this.#round || !page) return; // superseded, or disconnected
      this.#hints.delete(stream);
      // Without an entry there, everything up to it has left by retention.
      if (page.entries[0]?.read ?? true) this.#options.found(stream, seq);
    }
    this.look(this.#hints);
  }
}
