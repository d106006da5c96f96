import { useEffect, useRef } from "preact/hooks";
import { texts } from "../i18n/index.ts";
import { app } from "../model/app.ts";
import { Close } from "./icons.tsx";

/** The keyboard, explained. */
export function HelpDialog({ close }: { close: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  const { help } = texts.value;
  const keys: [string[], string][] = [
    [["J"], help.next],
    [["K"], help.previous],
    [[help.enter], help.expand],
    [["O"], help.open],
    [["R"], help.readTo],
    [["Shift", "A"], help.allRead],
    [["U"], help.unread],
    [["/"], help.filters],
    [["M"], help.mute],
    ...(app.inbox.value?.operator.value ? [[["C"], help.cluster] as [string[], string]] : []),
    [["G"], help.top],
    [["?"], help.help],
  ];
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" data-testid="help-dialog" onClose={close}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}>
      <div class="help-inner">
        <header>
          <h2 id="help-title">{help.title}</h2>
          <button type="button" class="icon-button" title={help.close} onClick={() => dialog.current?.close()}>
            <Close /><span class="visually-hidden">{help.close}</span>
          </button>
        </header>
        <dl>
          {keys.map(([names, meaning]) => (
            <div key={meaning}><dt>{meaning}</dt><dd>{names.map((name) => <kbd key={name}>{name}</kbd>)}</dd></div>
          ))}
        </dl>
      </div>
    </dialog>
  );
}
