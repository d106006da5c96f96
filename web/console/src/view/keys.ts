import { useEffect } from "preact/hooks";
import type { RefObject } from "preact";
import { app } from "../model/app.ts";
import type { Inbox } from "../model/inbox.ts";
import { goTo, page } from "../model/page.ts";
import { toggleMuted } from "../model/prefs.ts";

export interface KeysOptions {
  inbox: Inbox;
  scroller: RefObject<HTMLElement | null>;
  toggleHelp: () => void;
  openFilters: () => void;
}

/** The keyboard, wherever the focus is but in a field or dialog. */
export function useKeys(options: KeysOptions): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return;
      const act = actionOf(event, options);
      if (!act) return;
      event.preventDefault();
      act();
    };
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [options.inbox]);
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input, textarea, select, dialog") !== null;
}

/** Letters are told by the key's place, so that they work in a Korean input mode too. */
function actionOf(event: KeyboardEvent, options: KeysOptions): (() => void) | undefined {
  const { inbox } = options;
  if (event.key === "?") return options.toggleHelp;
  const onTimeline = page.peek() === "timeline";
  if (event.code === "KeyC" && !event.shiftKey && inbox.operator.peek()) return () => goTo(onTimeline ? "cluster" : "timeline");
  if (event.code === "KeyM" && !event.shiftKey) return toggleMuted;
  return onTimeline ? timelineAction(event, options) : undefined;
}

function timelineAction(event: KeyboardEvent, options: KeysOptions): (() => void) | undefined {
  const { inbox } = options;
  if (event.code === "KeyA" && event.shiftKey) return () => void app.readAll();
  if (event.shiftKey) return undefined;
  switch (event.code) {
    case "KeyJ":
      return () => step(inbox, 1);
    case "KeyK":
      return () => step(inbox, -1);
    case "KeyO":
      return withSelected(inbox, (item) => app.open(item.entry));
    case "KeyR":
      return withSelected(inbox, (item) => void app.readTo(item.entry));
    case "Enter":
      // A focused button or link has its own Enter.
      return event.target === document.body ? withSelected(inbox, (item) => app.toggle(item)) : undefined;
    case "KeyU":
      return () => inbox.show({ unread: !inbox.filter.value.unread });
    case "KeyG":
      return () => options.scroller.current?.scrollTo({ top: 0 });
    case "Slash":
      return () => {
        options.openFilters();
        requestAnimationFrame(() => document.querySelector<HTMLElement>(".filters .choice-main")?.focus());
      };
  }
  return undefined;
}

function withSelected(inbox: Inbox, act: (item: Inbox["items"]["value"][number]) => void): () => void {
  return () => {
    const item = inbox.items.value.find((other) => other.key === app.selected.value);
    if (item) act(item);
  };
}

/** Moves the selection; from nowhere it goes to the newest entry. */
function step(inbox: Inbox, by: number): void {
  const items = inbox.items.value;
  const at = items.findIndex((item) => item.key === app.selected.value);
  const next = items[at < 0 ? 0 : at + by];
  if (next) app.select(next.key);
  else if (by > 0) void inbox.more();
}
