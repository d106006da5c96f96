/** Who the token says the person is. */
export interface Me {
  admin: string;
  name: string;
  malls: string[];
  partners: string[];
  scopes?: string[];
}

/** One item of a stream. `stream` and `seq` together name it. */
export interface Entry {
  stream: string;
  /** The place in the stream: 1, 2, 3, … without gaps. */
  seq: number;
  id?: string;
  kind?: string;
  type?: string;
  title?: string;
  body?: string;
  link?: string;
  data?: Record<string, unknown>;
  sound?: string;
  priority?: string;
  /** RFC 3339. */
  at?: string;
  /** RFC 3339. After it nobody should be alerted; the entry itself stays. */
  expiresAt?: string;
}

/** An entry of a page, with whether the person has read it. */
export interface ListedEntry extends Entry {
  read: boolean;
}

/** Unread counts. They are absolute: replace what you show, never add. */
export interface Unread {
  total: number;
  version: number;
  /** Only streams that have unread entries. */
  streams: Record<string, number>;
}

/** Entries `from` … `to` of a stream that will not be pushed: fetch them. */
export interface Gap {
  stream: string;
  from: number;
  to: number;
  /**
   * `behind`: too far back to be pushed. `reset`: the cursor was beyond the
   * stream's head. `unsent`: the cursor was too long to be sent whole.
   */
  reason: string;
}

/** Where one stream stands for the person. */
export interface StreamState {
  stream: string;
  /** The newest seq known of. */
  head: number;
  /** Everything up to it is read. */
  read: number;
  unread: number;
}

/** What the hub answers to `connect`. */
export interface Session {
  session: string;
  node: string;
  /** Where the nodes can be reached, the connected one first; undefined where the hub does not tell. */
  nodes?: string[];
  heartbeatMs: number;
  me: Me;
  streams: StreamState[];
  unread: { total: number; version: number };
}

/** What has been seen: stream → last seq. */
export type Cursor = Record<string, number>;

/** What `list` may be narrowed by. */
export interface ListParams {
  /** One stream, or several with commas between. */
  stream?: string;
  /** One type, or several with commas between. */
  type?: string;
  unread?: boolean;
  /** The `next` of a page or, for exactly one stream, a seq; exclusive. */
  before?: string | number;
  after?: string | number;
  /** 1 to 200; 50 by default. */
  limit?: number;
}

/** A part of the timeline, newest first. */
export interface Page {
  entries: ListedEntry[];
  /** The `before` of the next page; absent on the last. */
  next?: string;
}

/** What the connection is doing. */
export type State =
  | { name: "connecting"; attempt: number }
  | { name: "live"; session: Session }
  /** Waiting until `at` (milliseconds of the clock) for the next attempt. */
  | { name: "retrying"; attempt: number; at: number; offline: boolean; why: string }
  /** Over for good: only a new client can connect again. */
  | { name: "closed"; code: number; why: string };

/** The events of a client and what each is given. */
export interface Events {
  /** A new entry: in order within its stream, each once. */
  entry: Entry;
  unread: Unread;
  gap: Gap;
  state: State;
  /** Read marks that have grown, by this client or another of the same person. */
  marks: Record<string, number>;
  /** Something was wrong that the client got over: a malformed frame, a failed refresh. */
  warning: Error;
}
