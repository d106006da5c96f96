import { socketUrl } from "./options.js";

/** How many nodes are remembered; a hub that names more is cut short. */
const maxNodes = 64;

/**
 * Where a client can connect: the address it was given, its home, and those of
 * the other nodes, as the newest connect named them. No other is ever told a
 * token. It does no I/O.
 */
export class Nodes {
  readonly #home: string;
  readonly #random: () => number;
  #named: string[] = [];
  /** Where they were named. */
  #namedAt: string | undefined;
  /** The home was named once: it is a node, not a balancer before them. */
  #homeIsNode = false;
  #current: string;
  /** Those that failed since the last connection that lasted. */
  readonly #failed = new Set<string>();
  /** How often all of them have failed since then. */
  #rounds = 0;

  constructor(home: string, random: () => number) {
    this.#home = this.#current = home;
    this.#random = random;
  }

  /** The address of the socket in use, or of the next to be tried. */
  get current(): string {
    return this.#current;
  }

  /** The origin of that node's HTTP API. */
  get origin(): string {
    return this.#current.replace(/^ws/, "http").replace(/^(https?:\/\/[^/]+).*$/, "$1");
  }

  /**
   * Takes what a connect named, the connected node first. Whatever is not a plain
   * http or https origin is left out, and so is one without TLS if the present
   * connection has it: a token must not go out in clear.
   */
  learn(urls: string[]): void {
    this.#named = [...new Set(urls.slice(0, maxNodes).flatMap((url) => this.#socketOf(url) ?? []))];
    this.#namedAt = this.#current;
    this.#homeIsNode ||= this.#named.includes(this.#home);
  }

  /** Forgets old failures: the connection has proved itself. */
  lasted(): void {
    this.#failed.clear();
    this.#rounds = 0;
  }

  /**
   * Goes to another node, since this one has failed. Returns whether that one may
   * be tried promptly: it has not failed yet.
   */
  leave(): boolean {
    this.#failed.add(this.#current);
    // Behind a balancer it has failed under its own address, too.
    if (this.#current === this.#namedAt && this.#named[0] !== undefined) this.#failed.add(this.#named[0]);
    const fresh = this.#untried();
    if (fresh !== undefined) {
      this.#current = fresh;
      return this.#rounds === 0;
    }
    this.#failed.clear();
    this.#rounds++;
    this.#failed.add(this.#current); // not the same again, if there is another
    this.#current = this.#untried() ?? this.#current;
    return false;
  }

  /** The home, unless it is a node that the others miss, or else any other that has not failed. */
  #untried(): string | undefined {
    const homeFits = !this.#failed.has(this.#home);
    if (homeFits && (!this.#homeIsNode || this.#named.includes(this.#home))) return this.#home;
    const left = this.#named.filter((url) => !this.#failed.has(url));
    // At random, so that the clients of a dead node spread over the others.
    return left[Math.floor(this.#random() * left.length)] ?? (homeFits ? this.#home : undefined);
  }

  #socketOf(url: string): string | undefined {
    try {
      const { protocol, username, password, pathname, search, origin } = new URL(url);
      const plain = username === "" && password === "" && pathname === "/" && search === "";
      if (!plain || (protocol !== "https:" && protocol !== "http:")) return undefined;
      if (protocol === "http:" && this.#current.startsWith("wss:")) return undefined;
      return socketUrl(`${origin}/ws`);
    } catch {
      return undefined;
    }
  }
}
