// Each implementation has event classes of its own, and only "any" takes them all.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Handler = ((event: any) => void) | null;

/** The part of the WebSocket interface that the client uses. */
export interface SocketLike {
  onopen: Handler;
  onmessage: Handler;
  onclose: Handler;
  onerror: Handler;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

/** The constructor of a WebSocket: the browser's own, or one for Node such as `ws`. */
export type SocketClass = new (url: string, protocols: string[]) => SocketLike;

/** The subprotocol that the client speaks. */
export const subprotocol = "bongsu.v1.json";

/** This library's close code for a connection that has gone silent. */
export const silentCode = 4002;

export interface LinkHandlers {
  opened(): void;
  frame(data: unknown): void;
  /** Called once, whoever ends the link. */
  lost(code: number, why: string): void;
}

/**
 * One WebSocket from its opening to its end. After `lost` it calls nobody, even
 * if the socket itself takes long to close.
 */
export class Link {
  readonly #socket: SocketLike;
  readonly #handlers: LinkHandlers;
  #over = false;
  #heard = Date.now();
  #limit = Infinity;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(Socket: SocketClass, url: string, handlers: LinkHandlers) {
    this.#handlers = handlers;
    const socket = (this.#socket = new Socket(url, [subprotocol]));
    socket.onopen = () => !this.#over && handlers.opened();
    socket.onmessage = (event: { data: unknown }) => this.#take(event.data);
    socket.onclose = (event: { code?: number; reason?: string }) => this.#lose(event.code ?? 1006, event.reason ?? "");
    socket.onerror = () => undefined; // a close follows and says as much
  }

  send(frame: string): void {
    try {
      this.#socket.send(frame);
    } catch {
      this.end(1006, "the socket cannot send");
    }
  }

  /** From now on a silence of `limit` milliseconds ends the link. */
  watch(limit: number): void {
    this.#limit = limit;
    this.check();
  }

  /** Looks at the clock: after a machine's sleep no timer has run. */
  check = (): void => {
    clearTimeout(this.#timer);
    if (this.#over || this.#limit === Infinity) return;
    const left = this.#heard + this.#limit - Date.now();
    if (left <= 0) this.end(silentCode, "silent");
    else this.#timer = setTimeout(this.check, left);
  };

  /** Ends the link at once, without waiting for the other side. */
  end(code: number, why: string): void {
    if (this.#over) return;
    try {
      this.#socket.close(code >= 3000 ? code : 1000, why);
    } catch {
      // It is closed already, or was never open.
    }
    this.#lose(code, why);
  }

  #take(data: unknown): void {
    if (this.#over) return;
    this.#heard = Date.now();
    this.#handlers.frame(data);
  }

  #lose(code: number, why: string): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#handlers.lost(code, why);
  }
}
