import type { Item } from "../model/list.ts";

/** How long (ms) an entry must be in view of a focused page to have been looked at. */
const lookTime = 1_000;
/** How much of it must be in view. */
const share = 0.6;

/** Tells which entries have been before the person's eyes. */
export class Gaze {
  readonly #looked: (item: Item) => unknown;
  readonly #items = new Map<Element, Item>();
  readonly #timers = new Map<Element, ReturnType<typeof setTimeout>>();
  readonly #inView = new Set<Element>();
  #observer: IntersectionObserver | undefined;
  #ending = new AbortController();

  constructor(looked: (item: Item) => unknown) {
    this.#looked = looked;
  }

  /** Begins to look at what `root` shows. */
  start(root: Element | null): void {
    this.#ending = new AbortController();
    this.#observer = new IntersectionObserver((changes) => changes.forEach((change) => this.#moved(change)), { root, threshold: share });
    for (const element of this.#items.keys()) this.#observer.observe(element);
    const turned = () => this.#turned();
    const { signal } = this.#ending;
    document.addEventListener("visibilitychange", turned, { signal });
    window.addEventListener("focus", turned, { signal });
    window.addEventListener("blur", turned, { signal });
  }

  stop(): void {
    this.#ending.abort();
    this.#observer?.disconnect();
    this.#observer = undefined;
    this.#items.clear();
    this.#inView.clear();
    this.#pause();
  }

  /** Watches an element that shows an item; returns what ends it. */
  watch(element: Element, item: Item): () => void {
    this.#items.set(element, item);
    this.#observer?.observe(element);
    return () => {
      this.#items.delete(element);
      this.#inView.delete(element);
      this.#observer?.unobserve(element);
      clearTimeout(this.#timers.get(element));
      this.#timers.delete(element);
    };
  }

  #moved({ target, isIntersecting }: IntersectionObserverEntry): void {
    if (isIntersecting) {
      this.#inView.add(target);
      this.#begin(target);
      return;
    }
    this.#inView.delete(target);
    clearTimeout(this.#timers.get(target));
    this.#timers.delete(target);
  }

  #begin(element: Element): void {
    if (!attentive() || this.#timers.has(element)) return;
    this.#timers.set(element, setTimeout(() => {
      this.#timers.delete(element);
      const item = this.#items.get(element);
      if (item) this.#looked(item);
    }, lookTime));
  }

  #turned(): void {
    if (attentive()) this.#inView.forEach((element) => this.#begin(element));
    else this.#pause();
  }

  #pause(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}

function attentive(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}
