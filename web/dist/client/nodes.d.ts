/**
 * Where a client can connect: the address it was given, its home, and those of
 * the other nodes, as the newest connect named them. No other is ever told a
 * token. It does no I/O.
 */
export declare class Nodes {
    #private;
    constructor(home: string, random: () => number);
    /** The address of the socket in use, or of the next to be tried. */
    get current(): string;
    /** The origin of that node's HTTP API. */
    get origin(): string;
    /**
     * Takes what a connect named, the connected node first. Whatever is not a plain
     * http or https origin is left out, and so is one without TLS if the present
     * connection has it: a token must not go out in clear.
     */
    learn(urls: string[]): void;
    /** Forgets old failures: the connection has proved itself. */
    lasted(): void;
    /**
     * Goes to another node, since this one has failed. Returns whether that one may
     * be tried promptly: it has not failed yet.
     */
    leave(): boolean;
}
