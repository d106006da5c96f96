import { computed } from "@preact/signals";
import { prefs } from "../model/prefs.ts";
import { en, type Texts } from "./en.ts";
import { ko } from "./ko.ts";

const all: Record<string, Texts> = { en, ko };

/** The texts of the chosen language. Reading it subscribes to changes of language. */
export const texts = computed<Texts>(() => all[prefs.language.value] ?? en);

/** What a type is called: its name if it is a known one, else its own words plainly. */
export function typeName(type: string | undefined): string {
  if (!type) return "";
  return texts.value.types[type] ?? type.toLowerCase().replaceAll("_", " ");
}

/** What a stream is called by the person whose admin number is given. */
export function streamName(stream: string, admin: string): string {
  const names = texts.value.stream;
  const [kind = "", key = ""] = stream.split(/:(.*)/s);
  switch (kind) {
    case "all":
      return names.all;
    case "admin":
      return key === admin ? names.me : names.admin(key);
    case "mall":
      return names.mall(key);
    case "partner":
      return names.partner(key);
    case "room":
      return names.room(key);
  }
  return stream;
}
