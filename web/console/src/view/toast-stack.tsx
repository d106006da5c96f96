import { texts, typeName } from "../i18n/index.ts";
import { app } from "../model/app.ts";
import type { Item } from "../model/list.ts";
import { Close, TypeIcon } from "./icons.tsx";

/** What came just now, at the edge of the screen. Its clock stands while it is pointed at or focused. */
export function ToastStack() {
  const { toasts } = app;
  const skipped = toasts.skipped.value;
  return (
    <div class="toasts" role="region" aria-label={texts.value.toast.region} data-testid="toasts">
      <ol aria-live="polite" aria-relevant="additions" onMouseEnter={() => toasts.pause()} onMouseLeave={() => toasts.resume()}
        onFocusIn={() => toasts.pause()} onFocusOut={() => toasts.resume()}>
        {toasts.shown.value.map((item) => <Toast key={item.key} item={item} />)}
      </ol>
      {skipped > 0 && <p class="toasts-more" data-testid="toasts-more">{texts.value.toast.waiting(skipped)}</p>}
    </div>
  );
}

function Toast({ item }: { item: Item }) {
  const { entry, key } = item;
  const link = app.linkOf(entry);
  const use = () => {
    app.toasts.dismiss(key);
    app.toasts.resume();
    if (link) void app.readTo(entry);
    else app.reveal(item);
  };
  const content = (
    <>
      <TypeIcon type={entry.type} size={18} />
      <span class="toast-text">
        <span class="toast-kind">{typeName(entry.type)} · {app.streamName(entry.stream)}</span>
        <span class="toast-title">{entry.title || entry.body}</span>
        {entry.title && entry.body && <span class="toast-body">{entry.body}</span>}
      </span>
    </>
  );
  const shared = { class: "toast-main", "data-testid": "toast-open", onClick: use };
  return (
    <li class="toast" data-testid="toast" data-stream={entry.stream} data-seq={entry.seq} data-type={entry.type} data-priority={entry.priority}>
      {link ? <a {...shared} href={link} target="_blank" rel="noopener noreferrer">{content}</a> : <button type="button" {...shared}>{content}</button>}
      <button type="button" class="toast-close" title={texts.value.toast.dismiss} data-testid="toast-dismiss"
        onClick={() => { app.toasts.dismiss(key); app.toasts.resume(); }}>
        <Close size={14} /><span class="visually-hidden">{texts.value.toast.dismiss}</span>
      </button>
    </li>
  );
}
