import { effect, signal, type Signal } from "@preact/signals";

export type Language = "ko" | "en";
export type Theme = "auto" | "light" | "dark";

/** A signal that is remembered in this browser. A stored value that `valid` refuses counts as none. */
function remembered<T>(key: string, fallback: T, valid: (raw: unknown) => raw is T): Signal<T> {
  const value = signal<T>(fallback);
  try {
    const raw: unknown = JSON.parse(localStorage.getItem(key) ?? "null");
    if (valid(raw)) value.value = raw;
  } catch {
    // Storage is forbidden or holds something else: begin with the default.
  }
  effect(() => {
    const text = JSON.stringify(value.value);
    try {
      localStorage.setItem(key, text);
    } catch {
      // The choice then lasts as long as the page.
    }
  });
  return value;
}

const oneOf = <T extends string>(...values: T[]) => (raw: unknown): raw is T => values.includes(raw as T);
const isBoolean = (raw: unknown): raw is boolean => typeof raw === "boolean";
const isTexts = (raw: unknown): raw is string[] => Array.isArray(raw) && raw.every((x) => typeof x === "string");

const systemLanguage: Language = navigator.language.toLowerCase().startsWith("ko") ? "ko" : "en";

/** What the person has chosen for this browser. */
export const prefs = {
  language: remembered<Language>("bongsu.language", systemLanguage, oneOf("ko", "en")),
  theme: remembered<Theme>("bongsu.theme", "auto", oneOf("auto", "light", "dark")),
  muted: remembered<boolean>("bongsu.muted", false, isBoolean),
  autoRead: remembered<boolean>("bongsu.autoRead", true, isBoolean),
  mutedTypes: remembered<string[]>("bongsu.mutedTypes", [], isTexts),
};

/** Applies what concerns the whole document, now and at every change. */
export function applyPrefs(): void {
  effect(() => {
    document.documentElement.lang = prefs.language.value;
  });
  effect(() => {
    const theme = prefs.theme.value;
    if (theme === "auto") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = theme;
  });
}

const nextTheme: Record<Theme, Theme> = { auto: "light", light: "dark", dark: "auto" };

export function cycleTheme(): void {
  prefs.theme.value = nextTheme[prefs.theme.value];
}

export function toggleLanguage(): void {
  prefs.language.value = prefs.language.value === "ko" ? "en" : "ko";
}

export function toggleMuted(): void {
  prefs.muted.value = !prefs.muted.value;
}

export function toggleMutedType(type: string): void {
  const types = prefs.mutedTypes.value;
  prefs.mutedTypes.value = types.includes(type) ? types.filter((t) => t !== type) : [...types, type];
}
