import { asError } from "./errors.js";
/**
 * Hands typed events to listeners, in the order in which they were added. A
 * listener that throws harms neither the others nor the caller: its error is
 * given to `failed`.
 */
export class Emitter {
    #listeners = {};
    #failed;
    constructor(failed) {
        this.#failed = failed;
    }
    /** Adds a listener and returns what removes it. */
    on(name, listener) {
        const listeners = (this.#listeners[name] ??= new Set());
        listeners.add(listener);
        return () => void listeners.delete(listener);
    }
    emit(name, value) {
        for (const listener of [...(this.#listeners[name] ?? [])]) {
            try {
                listener(value);
            }
            catch (thrown) {
                this.#failed(asError(thrown));
            }
        }
    }
}
