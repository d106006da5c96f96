import { asError } from "./errors.js";

type Listener<T> = (value: T) => void;

/**
 * Hands typed events to listeners, in the order in which they were added. A
 * listener that throws harms neither the others nor the caller: its error is
 * given to `failed`.
 */
export class Emitter<Map extends object> {
  readonly #listeners: { [K in keyof Map]?: Set<Listener<Map[K]>> } = {};
  readonly #failed: (error: Error) => void;

  constructor(failed: (error: Error) => void) {
    this.#failed = failed;
  }

  /** Adds a listener and returns what removes it. */
  on<K extends keyof Map>(name: K, listener: Listener<Map[K]>): () => void {
    const listeners = (this.#listeners[name] ??= new Set());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  emit<K extends keyof Map>(name: K, value: Map[K]): void {
    for (const listener of [...(this.#listeners[name] ?? [])]) {
      try {
        listener(value);
      } catch (thrown) {
        this.#failed(asError(thrown));
      }
    }
  }
}
