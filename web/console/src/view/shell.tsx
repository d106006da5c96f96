import { useEffect, useRef, useState } from "preact/hooks";
import { texts } from "../i18n/index.ts";
import { app } from "../model/app.ts";
import type { Inbox } from "../model/inbox.ts";
import { cycleTheme, prefs, toggleLanguage, toggleMuted } from "../model/prefs.ts";
import { goTo, page } from "../model/page.ts";
import { ClusterPage } from "./cluster.tsx";
import { Connection } from "./connection.tsx";
import { Filters } from "./filters.tsx";
import { HelpDialog } from "./help.tsx";
import { CheckAll, Filter, Flame, Globe, Keyboard, LogOut, Send, Volume, VolumeOff } from "./icons.tsx";
import { useKeys } from "./keys.ts";
import { PublishPanel } from "./publish.tsx";
import { ThemeIcon } from "./theme-icon.tsx";
import { Timeline } from "./timeline.tsx";
import { ToastStack } from "./toast-stack.tsx";

interface ShellProps {
  inbox: Inbox;
}

export function Shell({ inbox }: ShellProps) {
  const [filters, setFilters] = useState(false);
  const [publish, setPublish] = useState(false);
  const [help, setHelp] = useState(false);
  const scroller = useRef<HTMLElement>(null);
  useKeys({ inbox, scroller, toggleHelp: () => setHelp((on) => !on), openFilters: () => setFilters(true) });
  useEffect(() => {
    if (!filters) return;
    document.querySelector<HTMLElement>(".filters .choice-main")?.focus();
    const close = (event: KeyboardEvent) => event.key === "Escape" && setFilters(false);
    window.addEventListener("keydown", close);
    return () => window.removeEventListener("keydown", close);
  }, [filters]);
  useEffect(() => {
    if (inbox.me.value && !inbox.operator.value) goTo("timeline");
  }, [inbox.me.value, inbox.operator.value]);
  // Until it is known who somebody is, the address is believed.
  const cluster = page.value === "cluster" && (inbox.me.value === undefined || inbox.operator.value);
  return (
    <div class="shell" data-filters={filters} data-publish={publish}>
      <header class="top">
        <button type="button" class="icon-button only-narrow" aria-expanded={filters} title={texts.value.nav.filters}
          data-testid="filters-toggle" onClick={() => setFilters(!filters)}>
          <Filter /><span class="visually-hidden">{texts.value.nav.filters}</span>
        </button>
        <h1 class="brand">
          <span class="brand-mark"><Flame size={19} /></span>
          <span class="brand-name">{texts.value.brand}</span>
        </h1>
        <UnreadBadge inbox={inbox} />
        <Connection inbox={inbox} />
        <Me inbox={inbox} />
        <Tools inbox={inbox} publish={publish} setPublish={setPublish} setHelp={setHelp} />
      </header>
      <Filters inbox={inbox} close={() => setFilters(false)} />
      {filters && <div class="scrim" onClick={() => setFilters(false)} />}
      <main key={cluster} class="content" ref={scroller} aria-label={cluster ? texts.value.nav.cluster : texts.value.nav.main} tabIndex={-1}>
        {cluster ? <ClusterPage /> : <Timeline inbox={inbox} scroller={scroller} />}
      </main>
      {publish && <PublishPanel close={() => setPublish(false)} />}
      <ToastStack />
      <p class="status" role="status" data-testid="status" data-shown={app.status.value !== ""}>{app.status.value}</p>
      {help && <HelpDialog close={() => setHelp(false)} />}
    </div>
  );
}

function UnreadBadge({ inbox }: ShellProps) {
  const total = inbox.unread.value?.total;
  if (total === undefined) return null;
  return (
    <span class="badge" data-testid="unread-badge" data-total={total} data-zero={total === 0} role="img"
      aria-label={texts.value.unreadLabel(total)} title={texts.value.unreadLabel(total)}>
      {total}
    </span>
  );
}

function Me({ inbox }: ShellProps) {
  const me = inbox.me.value;
  if (!me) return null;
  return <p class="me" data-testid="me" data-admin={me.admin}>{me.name ? <><b>{me.name}</b> {me.admin}</> : <b>{me.admin}</b>}</p>;
}

interface ToolsProps extends ShellProps {
  publish: boolean;
  setPublish: (on: boolean) => void;
  setHelp: (on: boolean) => void;
}

function Tools({ inbox, publish, setPublish, setHelp }: ToolsProps) {
  const { actions } = texts.value;
  const muted = prefs.muted.value;
  const soundTitle = app.player.blocked.value && !muted ? actions.soundBlocked : muted ? actions.unmute : actions.mute;
  const nothing = (inbox.unread.value?.total ?? 0) === 0;
  return (
    <div class="tools">
      <button type="button" class="tool-text" data-testid="all-read" disabled={nothing} title={`${actions.allRead} (Shift A)`} onClick={() => void app.readAll()}>
        <CheckAll /><span>{actions.allRead}</span>
      </button>
      {app.signIn.value?.how === "dev" && (
        <button type="button" class="icon-button" aria-expanded={publish} title={actions.publish} data-testid="publish-toggle" onClick={() => setPublish(!publish)}>
          <Send /><span class="visually-hidden">{actions.publish}</span>
        </button>
      )}
      <button type="button" class="icon-button" aria-pressed={muted} title={soundTitle} data-testid="mute" data-blocked={app.player.blocked.value} onClick={toggleMuted}>
        {muted ? <VolumeOff /> : <Volume />}<span class="visually-hidden">{muted ? actions.unmute : actions.mute}</span>
      </button>
      <button type="button" class="icon-button" title={actions.theme[prefs.theme.value]} data-testid="theme" onClick={cycleTheme}>
        <ThemeIcon />
      </button>
      <button type="button" class="icon-button" title={actions.language} data-testid="language" onClick={toggleLanguage}>
        <Globe /><span class="visually-hidden">{actions.language}</span>
      </button>
      <button type="button" class="icon-button only-wide" title={`${actions.help} (?)`} data-testid="help" onClick={() => setHelp(true)}>
        <Keyboard /><span class="visually-hidden">{actions.help}</span>
      </button>
      <button type="button" class="icon-button" title={actions.signOut} data-testid="sign-out" onClick={() => app.leave()}>
        <LogOut /><span class="visually-hidden">{actions.signOut}</span>
      </button>
    </div>
  );
}
