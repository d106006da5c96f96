type Listener<T> = (value: T) => void;
/**
 * Hands typed events to listeners, in the order in which they were added. A
 * listener that throws harms neither the others nor the caller: its error is
 * given to `failed`.
 */
export declare class Emitter<Map extends object> {
    #private;
    constructor(failed: (error: Error) => void);
    /** Adds a listener and returns what removes it. */
    on<K extends keyof Map>(name: K, listener: Listener<Map[K]>): () => void;
    emit<K extends keyof Map>(name: K, value: Map[K]): void;
}
export {};
