import type { ListParams, Page } from "./types.js";
export interface MarkFinderOptions {
    list(params: ListParams): Promise<Page>;
    found(stream: string, seq: number): void;
}
/**
 * Makes knowledge of hints about read marks. Counts tell that a person has read
 * something elsewhere, but not reliably how far; so the hub is asked, for the
 * one entry that would be the last read one, whether it is read.
 */
export declare class MarkFinder {
    #private;
    constructor(options: MarkFinderOptions);
    /** Takes the newest hints; older ones are void. */
    look(hints: Map<string, number>): void;
    /** Forgets all hints. */
    clear(): void;
}
