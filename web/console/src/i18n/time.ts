import { computed, signal } from "@preact/signals";
import { prefs } from "../model/prefs.ts";
import { texts } from "./index.ts";

/** The moment that relative times are relative to. It moves twice a minute. */
export const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), 30_000);

const day = 86_400_000;

const formats = computed(() => {
  const locale = prefs.language.value;
  const format = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, options);
  return {
    clock: format({ hour: "numeric", minute: "2-digit" }),
    full: format({ dateStyle: "full", timeStyle: "medium" }),
    date: format({ month: "long", day: "numeric", weekday: "long" }),
    dateOfYear: format({ year: "numeric", month: "long", day: "numeric", weekday: "long" }),
    second: format({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }),
    moment: format({ month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }),
    count: new Intl.NumberFormat(locale),
    relative: new Intl.RelativeTimeFormat(locale, { numeric: "always", style: "narrow" }),
  };
});

/** "now", "5 min. ago", and from an hour on the time of day. */
export function shortTime(at: number, from: number): string {
  const minutes = Math.floor((from - at) / 60_000);
  if (minutes < 1 && minutes > -2) return texts.value.time.now;
  if (minutes > 0 && minutes < 60) return formats.value.relative.format(-minutes, "minute");
  return formats.value.clock.format(at);
}

export function fullTime(at: number): string {
  return formats.value.full.format(at);
}

/** "14:03:09" */
export function secondTime(at: number): string {
  return formats.value.second.format(at);
}

/** "Nov 20, 14:03" */
export function momentTime(at: number): string {
  return formats.value.moment.format(at);
}

/** A number with its thousands set apart. */
export function count(value: number): string {
  return formats.value.count.format(value);
}

/** A text that is the same for all moments of one local day. */
export function dayKey(at: number): string {
  const date = new Date(at);
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}

/** "Today", "Yesterday", or the date. */
export function dayName(at: number, from: number): string {
  if (dayKey(at) === dayKey(from)) return texts.value.time.today;
  if (dayKey(at) === dayKey(from - day)) return texts.value.time.yesterday;
  const sameYear = new Date(at).getFullYear() === new Date(from).getFullYear();
  return (sameYear ? formats.value.date : formats.value.dateOfYear).format(at);
}
