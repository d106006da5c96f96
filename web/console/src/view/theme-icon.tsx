import { texts } from "../i18n/index.ts";
import { prefs } from "../model/prefs.ts";
import { Auto, Moon, Sun } from "./icons.tsx";

const icons = { auto: Auto, light: Sun, dark: Moon };

/** The chosen theme, as an icon with a name. */
export function ThemeIcon() {
  const theme = prefs.theme.value;
  const Icon = icons[theme];
  return (
    <>
      <Icon />
      <span class="visually-hidden">{texts.value.actions.theme[theme]}</span>
    </>
  );
}
