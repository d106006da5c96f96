import { useEffect, useState } from "preact/hooks";
import { texts } from "../i18n/index.ts";
import type { Inbox } from "../model/inbox.ts";

/** What the connection is doing, in words; counts down to the next attempt. */
export function Connection({ inbox }: { inbox: Inbox }) {
  const state = inbox.state.value;
  const { connection } = texts.value;
  const seconds = useSecondsTo(state.name === "retrying" ? state.at : undefined);
  let name: string = state.name;
  let label = connection.connecting;
  let title = "";
  switch (state.name) {
    case "live":
      label = connection.live;
      title = connection.node(state.session.node);
      break;
    case "retrying":
      name = state.offline ? "offline" : "retrying";
      label = state.offline ? connection.offline : connection.retrying(seconds);
      title = state.why;
      break;
    case "closed":
      name = "signed-out";
      label = connection.signedOut;
      break;
    case "connecting":
      if (state.attempt > 0) label = connection.retrying(0);
  }
  return (
    <>
      {/* The seconds are for the eye: a screen reader hears only what changes in kind. */}
      <span class="visually-hidden" role="status">{name === "retrying" ? connection.retrying(0) : label}</span>
      <div class="connection" data-testid="connection-state" data-state={name} title={title} aria-hidden="true">
        <span class="connection-dot" />
        <span class="connection-label">{label}</span>
      </div>
      {state.name === "retrying" && (
        <button type="button" class="link-button retry-now" data-testid="retry-now" onClick={() => inbox.client.retryNow()}>
          {connection.retryNow}
        </button>
      )}
    </>
  );
}

function useSecondsTo(at: number | undefined): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (at === undefined) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(timer);
  }, [at]);
  return at === undefined ? 0 : Math.max(0, Math.ceil((at - now) / 1000));
}
