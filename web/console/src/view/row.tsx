import { useEffect, useRef } from "preact/hooks";
import { memo } from "./memo.ts";
import { fullTime, now, shortTime } from "../i18n/time.ts";
import { texts, typeName } from "../i18n/index.ts";
import { app } from "../model/app.ts";
import type { Inbox } from "../model/inbox.ts";
import type { Item } from "../model/list.ts";
import type { Gaze } from "./gaze.ts";
import { Check, External, TypeIcon } from "./icons.tsx";

interface RowProps {
  item: Item;
  inbox: Inbox;
  gaze: Gaze;
  read: boolean;
  seen: boolean;
  expanded: boolean;
  selected: boolean;
}

/** One entry: a line, and its details when it is expanded. */
export const Row = memo(function Row({ item, inbox, gaze, read, seen, expanded, selected }: RowProps) {
  const { entry, key } = item;
  const { list } = texts.value;
  const element = useRef<HTMLLIElement>(null);
  // What is read already need not be looked for.
  useEffect(() => (read || seen || !element.current ? undefined : gaze.watch(element.current, item)), [read, seen, item, gaze]);
  const type = typeName(entry.type);
  const title = entry.title || type || list.untitled;
  const details = `details-${key}`;
  const state = read ? "" : seen ? list.seenMark : list.unreadMark;
  return (
    <li ref={element} class="row" data-testid="entry" data-key={key} data-stream={entry.stream} data-seq={entry.seq}
      data-type={entry.type} data-read={read} data-seen={seen} data-expanded={expanded} data-selected={selected}
      data-priority={entry.priority}>
      <button type="button" class="row-main" aria-expanded={expanded} aria-controls={expanded ? details : undefined}
        onClick={() => app.toggle(item)} onFocus={() => (app.selected.value = key)}>
        <span class="row-dot" title={state}><span class="visually-hidden">{state}</span></span>
        <TypeIcon type={entry.type} />
        <span class="row-text">
          <span class="row-title">
            {entry.priority === "high" && <span class="urgent" title={list.urgent}><span class="visually-hidden">{list.urgent}</span></span>}
            {title}
          </span>
          {entry.body && <span class="row-body">{entry.body}</span>}
        </span>
        <span class="row-meta">
          {type !== title && <span class="row-type">{type}</span>}
          <span class="chip" data-kind={entry.stream.split(":")[0]}>{app.streamName(entry.stream)}</span>
        </span>
        <Time at={item.at} />
      </button>
      {expanded && <Details item={item} inbox={inbox} id={details} read={read} />}
    </li>
  );
});

/** Only this changes as time goes by. */
function Time({ at }: { at: number }) {
  return <time class="row-time" dateTime={new Date(at).toISOString()} title={fullTime(at)}>{shortTime(at, now.value)}</time>;
}

interface DetailsProps {
  item: Item;
  inbox: Inbox;
  id: string;
  read: boolean;
}

function Details({ item, inbox, id, read }: DetailsProps) {
  const { entry } = item;
  const { entry: words, list } = texts.value;
  const link = app.linkOf(entry);
  const expires = Date.parse(entry.expiresAt ?? "");
  const data = Object.entries(entry.data ?? {});
  const streamName = app.streamName(entry.stream);
  return (
    <div class="details" id={id} data-testid="entry-details">
      {entry.body && <p class="details-body">{entry.body}</p>}
      <div class="details-actions">
        {link && (
          <a class="secondary" href={link} target="_blank" rel="noopener noreferrer" data-testid="entry-link" onClick={() => void app.readTo(entry)}>
            <External size={14} />{words.open}
          </a>
        )}
        {read ? <span class="details-read"><Check size={14} />{words.read}</span> : (
          <button type="button" class="secondary" data-testid="entry-read" title={words.readToHint(streamName)} onClick={() => void app.readTo(entry)}>
            <Check size={14} />{words.readTo(inbox.unreadUpTo(entry))}
          </button>
        )}
      </div>
      <dl class="facts">
        <dt>{words.at}</dt><dd>{fullTime(item.at)}</dd>
        {!Number.isNaN(expires) && <><dt>{words.expires}</dt><dd>{fullTime(expires)}{expires < now.value && ` · ${list.expired}`}</dd></>}
        <dt>{words.place}</dt><dd><code>{entry.stream} #{entry.seq}</code></dd>
        {entry.id && <><dt>{words.id}</dt><dd><code>{entry.id}</code></dd></>}
        {data.map(([name, value]) => (
          <><dt class="fact-data">{name}</dt><dd><code>{typeof value === "string" ? value : JSON.stringify(value)}</code></dd></>
        ))}
      </dl>
    </div>
  );
}
