import { signal } from "@preact/signals";
import type { Item } from "./list.ts";

/** How many toasts are shown at once. */
export const mostShown = 3;
/** How long (ms) a toast is shown. */
export const shownFor = 5_000;

interface Shown {
  item: Item;
  /** Milliseconds that are left to it. */
  left: number;
}

/**
 * At most three toasts, each for its five seconds. In a burst the newest three
 * wait for a place, and those before them are only counted: they are in the
 * inbox, and a stack that changes faster than it can be read helps nobody.
 */
export class Toasts {
  /** What is on screen, oldest first. */
  readonly shown = signal<Item[]>([]);
  /** How many came that will not be shown, while toasts are on screen. */
  readonly skipped = signal(0);

  readonly #isStale: (item: Item) => boolean;
  #shown: Shown[] = [];
  #waiting: Item[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #since = 0;
  #paused = false;

  /** What isStale says of by the time there is a place for it is not shown. */
  constructor(isStale: (item: Item) => boolean) {
    this.#isStale = isStale;
  }

  /** Shows an item now, or as soon as there is a place. */
  add(item: Item): void {
    this.#tick();
    this.#waiting.push(item);
    this.#publish();
  }

  dismiss(key: string): void {
    this.#tick();
    this.#shown = this.#shown.filter((s) => s.item.key !== key);
    this.#publish();
  }

  /** Stops the clock of all toasts, while somebody is about to use one. */
  pause(): void {
    this.#tick();
    this.#paused = true;
    clearTimeout(this.#timer);
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#since = Date.now();
    this.#plan();
  }

  clear(): void {
    this.#shown = [];
    this.#waiting = [];
    this.#paused = false;
    this.#publish();
  }

  /** Takes the time that has passed off what is left. */
  #tick(): void {
    const now = Date.now();
    if (!this.#paused) {
      const passed = now - this.#since;
      for (const toast of this.#shown) toast.left -= passed;
      this.#shown = this.#shown.filter((s) => s.left > 0);
    }
    this.#since = now;
  }

  #publish(): void {
    while (this.#shown.length < mostShown && this.#waiting.length > 0) {
      const item = this.#waiting.shift()!;
      if (!this.#isStale(item)) this.#shown.push({ item, left: shownFor });
    }
    const beyond = Math.max(0, this.#waiting.length - mostShown);
    this.#waiting.splice(0, beyond);
    this.skipped.value = this.#shown.length === 0 ? 0 : this.skipped.value + beyond;
    if (!same(this.shown.value, this.#shown)) this.shown.value = this.#shown.map((s) => s.item);
    this.#plan();
  }

  #plan(): void {
    clearTimeout(this.#timer);
    if (this.#paused || this.#shown.length === 0) return;
    const next = Math.min(...this.#shown.map((s) => s.left));
    this.#timer = setTimeout(() => {
      this.#tick();
      this.#publish();
    }, Math.max(0, next));
  }
}

function same(items: Item[], shown: Shown[]): boolean {
  return items.length === shown.length && shown.every((s, i) => s.item === items[i]);
}
