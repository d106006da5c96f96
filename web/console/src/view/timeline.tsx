import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { RefObject } from "preact";
import { dayKey, dayName, now } from "../i18n/time.ts";
import { texts } from "../i18n/index.ts";
import { app } from "../model/app.ts";
import type { Inbox } from "../model/inbox.ts";
import type { Item } from "../model/list.ts";
import { prefs } from "../model/prefs.ts";
import { Gaze } from "./gaze.ts";
import { Check, Inbox as InboxIcon, Up } from "./icons.tsx";
import { Row } from "./row.tsx";

interface TimelineProps {
  inbox: Inbox;
  scroller: RefObject<HTMLElement | null>;
}

/** How long (ms) a full list stays as it is while its top is on screen. */
const refetchAfter = 1_000;
/** Scrolled down by less than this (px) counts as at the top. */
const atTop = 24;

/** The list of entries by day, with older pages fetched as they are scrolled to. */
export function Timeline({ inbox, scroller }: TimelineProps) {
  const gaze = useGaze(inbox, scroller);
  const items = inbox.items.value;
  const days = useMemo(() => byDay(items), [items]);
  const [expanded, selected] = [app.expanded.value, app.selected.value];
  return (
    <div class="timeline" data-testid="timeline" aria-busy={inbox.loading.value !== "no"}>
      <FreshPill inbox={inbox} scroller={scroller} />
      {days.map(({ key, at, items }) => (
        <section key={key} class="day" aria-labelledby={`day-${key}`}>
          <h2 id={`day-${key}`} class="day-name" data-testid="day">{dayName(at, now.value)}</h2>
          <ul>
            {items.map((item) => (
              <Row key={item.key} item={item} inbox={inbox} gaze={gaze} read={inbox.isRead(item.entry)}
                seen={inbox.isSeen(item.entry)} expanded={expanded.has(item.key)} selected={selected === item.key} />
            ))}
          </ul>
        </section>
      ))}
      <Foot inbox={inbox} scroller={scroller} empty={items.length === 0} />
    </div>
  );
}

interface Day {
  key: string;
  at: number;
  items: Item[];
}

/** Cuts the list where the day changes. Should clocks disagree, a day may come twice. */
function byDay(items: readonly Item[]): Day[] {
  const days: Day[] = [];
  const times = new Map<string, number>();
  let last = "";
  for (const item of items) {
    const key = dayKey(item.at);
    if (key !== last) {
      const nth = times.get(key) ?? 0;
      times.set(key, nth + 1);
      days.push({ key: nth === 0 ? key : `${key}.${nth}`, at: item.at, items: [] });
      last = key;
    }
    days.at(-1)!.items.push(item);
  }
  return days;
}

function useGaze(inbox: Inbox, scroller: RefObject<HTMLElement | null>): Gaze {
  const autoRead = prefs.autoRead.value;
  const gaze = useMemo(() => new Gaze((item) => autoRead && inbox.look(item.entry)), [inbox, autoRead]);
  useEffect(() => {
    gaze.start(scroller.current);
    return () => gaze.stop();
  }, [gaze]);
  return gaze;
}

/** Says that something came above what is on screen, and goes there. */
function FreshPill({ inbox, scroller }: TimelineProps) {
  const [away, setAway] = useState<string | undefined>(undefined);
  const items = inbox.items.value;
  const top = items[0]?.key;
  useEffect(() => {
    const root = scroller.current;
    if (!root) return;
    const look = () => {
      const isAway = root.scrollTop > atTop;
      setAway((key) => (isAway ? (key ?? inbox.items.peek()[0]?.key) : undefined));
    };
    root.addEventListener("scroll", look, { passive: true });
    return () => root.removeEventListener("scroll", look);
  }, [inbox]);
  const above = away !== undefined && away !== top ? Math.max(0, items.findIndex((item) => item.key === away)) : 0;
  const held = inbox.held.value;
  useEffect(() => {
    if (held === 0 || away !== undefined) return;
    const timer = setTimeout(() => void inbox.reload(), refetchAfter);
    return () => clearTimeout(timer);
  }, [held > 0, away === undefined, inbox]);
  const count = above + held;
  if (count === 0) return null;
  const go = () => {
    if (held > 0) void inbox.reload();
    scroller.current?.scrollTo({ top: 0, behavior: "smooth" });
  };
  return (
    <div class="fresh-holder">
      <button type="button" class="fresh" data-testid="fresh" onClick={go}><Up size={14} />{texts.value.list.fresh(count)}</button>
    </div>
  );
}

function Foot({ inbox, scroller, empty }: TimelineProps & { empty: boolean }) {
  const { list } = texts.value;
  const end = useRef<HTMLDivElement>(null);
  const [loading, error] = [inbox.loading.value, inbox.error.value];
  const more = inbox.hasMore.value && loading === "no" && !error && !inbox.full.value;
  useEffect(() => {
    if (!more || !end.current) return;
    const observer = new IntersectionObserver((seen) => seen.some((s) => s.isIntersecting) && void inbox.more(), { root: scroller.current, rootMargin: "0px 0px 600px" });
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [more, inbox, inbox.items.value.length]);
  if (error) {
    return (
      <div class="foot foot-error" role="alert" data-testid="list-error">
        <p>{list.failed(error.message)}</p>
        <button type="button" class="secondary" onClick={() => void (empty ? inbox.reload() : retryMore(inbox))}>{list.again}</button>
      </div>
    );
  }
  if (loading === "first" && empty) return <Skeleton />;
  if (empty) return <Empty inbox={inbox} />;
  return (
    <div class="foot" ref={end}>
      {loading === "more" && <p data-testid="loading">{list.loading}</p>}
      {inbox.full.value && <p>{list.full}</p>}
      {more && <button type="button" class="secondary" data-testid="load-more" onClick={() => void inbox.more()}>{list.more}</button>}
      {loading === "no" && !inbox.hasMore.value && <p data-testid="list-end">{list.end}</p>}
    </div>
  );
}

function retryMore(inbox: Inbox): Promise<void> {
  inbox.error.value = undefined;
  return inbox.more();
}

function Skeleton() {
  return (
    <div class="skeleton" data-testid="loading" role="status">
      <span class="visually-hidden">{texts.value.list.loading}</span>
      {Array.from({ length: 8 }, (_, i) => <div key={i} class="skeleton-row"><i /><b /><s /></div>)}
    </div>
  );
}

function Empty({ inbox }: { inbox: Inbox }) {
  const { list, nav } = texts.value;
  const { stream, type, unread } = inbox.filter.value;
  const narrowed = stream !== null || type !== null;
  const [title, hint] = narrowed ? [list.emptyFilter, ""] : unread ? [list.emptyUnread, list.emptyUnreadHint] : [list.empty, list.emptyHint];
  return (
    <div class="empty" data-testid="empty">
      <span class="empty-icon">{unread ? <Check size={26} /> : <InboxIcon size={26} />}</span>
      <p class="empty-title">{title}</p>
      {hint && <p class="muted">{hint}</p>}
      {narrowed && <button type="button" class="secondary" onClick={() => inbox.show({ stream: null, type: null })}>{nav.clear}</button>}
    </div>
  );
}
