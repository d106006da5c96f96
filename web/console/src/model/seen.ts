/**
 * What the person has had before their eyes but not yet read by mark. A mark
 * means "read up to here", so it may only move over entries that were all seen:
 * nobody's older entries become read just because the newest one was on screen.
 */
export class Seen {
  readonly #streams = new Map<string, Set<number>>();

  /** Notes an entry that was looked at. */
  add(stream: string, seq: number): void {
    const seqs = this.#streams.get(stream) ?? new Set();
    this.#streams.set(stream, seqs.add(seq));
  }

  has(stream: string, seq: number): boolean {
    return this.#streams.get(stream)?.has(seq) ?? false;
  }

  /**
   * Returns up to where a stream's mark may move from `mark`, which is `mark`
   * itself when the entry after it has not been seen. Forgets what lies at or
   * below the result once it is the mark.
   */
  reach(stream: string, mark: number): number {
    const seqs = this.#streams.get(stream);
    if (!seqs) return mark;
    for (const seq of seqs) if (seq <= mark) seqs.delete(seq);
    let reach = mark;
    while (seqs.has(reach + 1)) reach++;
    return reach;
  }
}
