import { streamName, texts, typeName } from "../i18n/index.ts";
import type { Inbox } from "../model/inbox.ts";
import { noFilter } from "../model/list.ts";
import { goTo, page } from "../model/page.ts";
import { prefs, toggleMutedType } from "../model/prefs.ts";
import { Close, Dot, Inbox as InboxIcon, knownTypes, Nodes, TypeIcon, Volume, VolumeOff } from "./icons.tsx";

interface FiltersProps {
  inbox: Inbox;
  close: () => void;
}

/** The views, streams and types to narrow the timeline to. */
export function Filters({ inbox, close }: FiltersProps) {
  const { nav } = texts.value;
  const filter = inbox.filter.value;
  const narrowed = filter.stream !== null || filter.type !== null;
  const show = (change: Parameters<Inbox["show"]>[0]) => {
    inbox.show(change);
    goTo("timeline");
    close();
  };
  const onTimeline = page.value === "timeline";
  return (
    <nav class="filters" aria-label={nav.filters} data-testid="filters">
      <button type="button" class="icon-button filters-close only-narrow" title={nav.close} onClick={close}>
        <Close /><span class="visually-hidden">{nav.close}</span>
      </button>
      <ul>
        <Choice testid="filter-all" on={onTimeline && !filter.unread && !narrowed} pick={() => show(noFilter)} icon={<InboxIcon />} label={nav.inbox} />
        <Choice testid="filter-unread" on={onTimeline && filter.unread} pick={() => show({ unread: !onTimeline || !filter.unread })} icon={<Dot />}
          label={nav.unread} count={inbox.unread.value?.total ?? 0} />
        {inbox.operator.value && <ClusterChoice close={close} />}
      </ul>
      <Streams inbox={inbox} show={show} />
      <Types inbox={inbox} show={show} />
      {narrowed && (
        <button type="button" class="link-button filters-clear" data-testid="filter-clear" onClick={() => show(noFilter)}>{nav.clear}</button>
      )}
      <label class="auto-read">
        <input type="checkbox" checked={prefs.autoRead.value} data-testid="auto-read"
          onChange={(event) => (prefs.autoRead.value = event.currentTarget.checked)} />
        <span>{nav.autoRead}</span>
      </label>
    </nav>
  );
}

function ClusterChoice({ close }: { close: () => void }) {
  const go = (event: MouseEvent) => {
    event.preventDefault();
    goTo("cluster");
    close();
  };
  return (
    <li class="choice">
      <a class="choice-main" href="#cluster" aria-current={page.value === "cluster" ? "page" : undefined} data-testid="cluster-open" onClick={go}>
        <span class="choice-icon"><Nodes /></span>
        <span class="choice-label">{texts.value.nav.cluster}</span>
      </a>
    </li>
  );
}

interface GroupProps {
  inbox: Inbox;
  show: (change: Parameters<Inbox["show"]>[0]) => void;
}

function Streams({ inbox, show }: GroupProps) {
  const me = inbox.me.value?.admin ?? "";
  const chosen = page.value === "timeline" ? inbox.filter.value.stream : null;
  const counts = inbox.unread.value?.streams ?? {};
  return (
    <section aria-labelledby="filter-streams">
      <h2 id="filter-streams">{texts.value.nav.streams}</h2>
      <ul>
        {inbox.streams.value.map(({ stream }) => (
          <Choice key={stream} testid="filter-stream" data={{ "data-stream": stream }} on={chosen === stream} title={stream}
            pick={() => show({ stream: chosen === stream ? null : stream })} label={streamName(stream, me)} count={counts[stream] ?? 0} />
        ))}
      </ul>
    </section>
  );
}

function Types({ inbox, show }: GroupProps) {
  const chosen = page.value === "timeline" ? inbox.filter.value.type : null;
  const others = new Set(inbox.items.value.map((item) => item.entry.type ?? "").filter((type) => type && !knownTypes.includes(type)));
  if (chosen !== null && !knownTypes.includes(chosen)) others.add(chosen);
  return (
    <section aria-labelledby="filter-types">
      <h2 id="filter-types">{texts.value.nav.types}</h2>
      <ul>
        {[...knownTypes, ...[...others].sort()].map((type) => (
          <Choice key={type} testid="filter-type" data={{ "data-type": type }} on={chosen === type}
            pick={() => show({ type: chosen === type ? null : type })} icon={<TypeIcon type={type} />} label={typeName(type)}>
            <MuteType type={type} />
          </Choice>
        ))}
      </ul>
    </section>
  );
}

function MuteType({ type }: { type: string }) {
  const muted = prefs.mutedTypes.value.includes(type);
  const { muteType, unmuteType } = texts.value.actions;
  const label = (muted ? unmuteType : muteType)(typeName(type));
  return (
    <button type="button" class="mute-type" aria-pressed={muted} title={label} data-testid="mute-type" data-type={type} onClick={() => toggleMutedType(type)}>
      {muted ? <VolumeOff size={14} /> : <Volume size={14} />}<span class="visually-hidden">{label}</span>
    </button>
  );
}

interface ChoiceProps {
  testid: string;
  on: boolean;
  label: string;
  pick: () => void;
  icon?: preact.ComponentChildren;
  count?: number;
  title?: string;
  data?: Record<string, string>;
  children?: preact.ComponentChildren;
}

function Choice({ testid, on, label, pick, icon, count = 0, title, data, children }: ChoiceProps) {
  return (
    <li class="choice">
      <button type="button" class="choice-main" aria-pressed={on} title={title} data-testid={testid} onClick={pick} {...data}>
        {icon && <span class="choice-icon">{icon}</span>}
        <span class="choice-label">{label}</span>
        {count > 0 && <span class="choice-count">{count}</span>}
      </button>
      {children}
    </li>
  );
}
