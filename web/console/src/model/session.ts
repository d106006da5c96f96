import { SignedOutError } from "../../../client/src/index.ts";
import { tokenFacts } from "../../../client/src/token.ts";

/** A person to be in development mode. */
export interface Person {
  admin: string;
  name: string;
  malls: string[];
  partners: string[];
}

/** How this tab is signed in. */
export type SignIn = { how: "dev"; person: Person } | { how: "token"; token: string };

/** A failed HTTP call, with the server's own words. */
export class HttpError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const storageKey = "bongsu.signIn";

/** The sign-in of this tab, which outlives a reload but not the tab. */
export function storedSignIn(): SignIn | undefined {
  try {
    const raw = JSON.parse(sessionStorage.getItem(storageKey) ?? "null") as SignIn | null;
    return raw?.how === "dev" || raw?.how === "token" ? raw : undefined;
  } catch {
    return undefined;
  }
}

export function storeSignIn(signIn: SignIn | undefined): void {
  try {
    if (signIn) sessionStorage.setItem(storageKey, JSON.stringify(signIn));
    else sessionStorage.removeItem(storageKey);
  } catch {
    // Without storage the sign-in ends with the page.
  }
}

/**
 * Asks the hub whether it lets people in without a password. While the hub is
 * starting or away it asks again, until `signal` ends that.
 */
export async function devMode(signal: AbortSignal): Promise<boolean> {
  for (;;) {
    const status = await fetch("/api/v1/dev/sign-in", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
      signal,
    }).then((response) => response.status, () => 503);
    if (signal.aborted) return false;
    if (status < 500) return status !== 403 && status !== 404 && status !== 405;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

/** Sends JSON to the hub. Throws an HttpError when it is refused. */
export function post(url: string, body: unknown, token?: string): Promise<Record<string, unknown>> {
  return call(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify(body),
  });
}

/** Asks the hub. Throws an HttpError when it is refused. */
export function get(url: string, token: string, signal: AbortSignal): Promise<Record<string, unknown>> {
  return call(url, { headers: { authorization: `Bearer ${token}` }, signal });
}

async function call(url: string, init: RequestInit): Promise<Record<string, unknown>> {
  // A redirect could lead a token to somebody else.
  const response = await fetch(url, { ...init, credentials: "omit", redirect: "error" });
  const answer = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  if (!response.ok) throw new HttpError(response.status, reason(answer, response));
  return answer;
}

function reason(problem: Record<string, unknown>, response: Response): string {
  const text = problem["detail"] ?? problem["title"];
  return typeof text === "string" ? text : `HTTP ${response.status}`;
}

/** Gets a token for a person of development mode from the node at `origin`. */
export async function devToken(person: Person, origin = location.origin): Promise<string> {
  const { token } = await post(`${origin}/api/v1/dev/sign-in`, person);
  if (typeof token !== "string") throw new HttpError(200, "no token");
  return token;
}

/**
 * What the client asks for tokens: in development mode a fresh one each time, of
 * the node that is to take it, else the pasted one for as long as it lasts.
 */
export function tokenProvider(signIn: SignIn): (origin: string) => Promise<string> {
  if (signIn.how === "token") {
    const { expires = Infinity } = tokenFacts(signIn.token);
    return () => (Date.now() < expires ? Promise.resolve(signIn.token) : Promise.reject(new SignedOutError("the token has expired")));
  }
  return async (origin) => {
    try {
      return await devToken(signIn.person, origin);
    } catch (thrown) {
      // Another node's refusal is no last word: it may not know this page's node yet.
      const refused = thrown instanceof HttpError && thrown.status >= 400 && thrown.status < 500 && origin === location.origin;
      if (refused && thrown.status !== 429) throw new SignedOutError(thrown.message);
      throw thrown;
    }
  };
}
