import { useEffect, useRef, useState } from "preact/hooks";
import { texts, typeName } from "../i18n/index.ts";
import { app } from "../model/app.ts";
import { eventOf, type PublishProblem } from "../model/publish.ts";
import { prefs } from "../model/prefs.ts";
import { post } from "../model/session.ts";
import { Close, knownTypes } from "./icons.tsx";

const sounds = ["order", "alarm", "bell", "chime", "none"];
const priorities = ["low", "normal", "high"];

/** Development mode's way to put an event into Kafka. */
export function PublishPanel({ close }: { close: () => void }) {
  const { publish } = texts.value;
  const [answer, setAnswer] = useState<{ ok: boolean; text: string }>();
  const [busy, setBusy] = useState(false);
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => first.current?.focus(), []);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const record = eventOf(new FormData(event.currentTarget as HTMLFormElement));
    if (typeof record === "string") return setAnswer({ ok: false, text: problemText(record) });
    setBusy(true);
    try {
      const origin = app.inbox.peek()?.client.origin ?? location.origin;
      await post(`${origin}/api/v1/dev/publish`, record, app.token);
      setAnswer({ ok: true, text: publish.sent(new Date().toLocaleTimeString(prefs.language.value)) });
    } catch (thrown) {
      setAnswer({ ok: false, text: texts.value.actions.failed((thrown as Error).message) });
    }
    setBusy(false);
  };
  return (
    <aside class="publish" aria-labelledby="publish-title" data-testid="publish-panel">
      <header>
        <div><h2 id="publish-title">{publish.title}</h2><p class="muted">{publish.hint}</p></div>
        <button type="button" class="icon-button" title={publish.close} data-testid="publish-close" onClick={close}>
          <Close /><span class="visually-hidden">{publish.close}</span>
        </button>
      </header>
      <form class="fields" onSubmit={(event) => void submit(event)} noValidate>
        <label class="field"><span>{publish.type}</span>
          <input ref={first} name="type" list="publish-types" defaultValue="ORDER_PLACED" spellcheck={false} autocomplete="off" data-testid="publish-type" />
          <datalist id="publish-types">{knownTypes.map((type) => <option key={type} value={type} label={typeName(type)} />)}</datalist>
        </label>
        <label class="field"><span>{publish.targets}</span>
          <input name="targets" defaultValue={defaultTarget()} placeholder={publish.targetsHint} spellcheck={false} autocomplete="off" data-testid="publish-targets" />
        </label>
        <label class="field"><span>{publish.entryTitle}</span><input name="title" defaultValue="새 주문" data-testid="publish-title" /></label>
        <label class="field"><span>{publish.body}</span><textarea name="body" rows={2} data-testid="publish-body">주문 20261121-0001, 3건 59,000원</textarea></label>
        <label class="field"><span>{publish.link}</span><input name="link" defaultValue="/orders/20261121-0001" spellcheck={false} data-testid="publish-link" /></label>
        <label class="field"><span>{publish.data}</span><textarea name="data" class="mono" rows={2} spellcheck={false} placeholder="{}" data-testid="publish-data" /></label>
        <div class="two">
          <Select name="sound" label={publish.sound} values={sounds} />
          <Select name="priority" label={publish.priority} values={priorities} />
        </div>
        <button class="primary" disabled={busy} data-testid="publish-submit">{publish.submit}</button>
        <p class={answer && !answer.ok ? "error" : "muted"} role="status" data-testid="publish-answer" data-ok={answer?.ok}>{answer?.text}</p>
      </form>
    </aside>
  );
}

function Select({ name, label, values }: { name: string; label: string; values: string[] }) {
  return (
    <label class="field"><span>{label}</span>
      <select name={name} data-testid={`publish-${name}`}>
        <option value="">{texts.value.publish.unset}</option>
        {values.map((value) => <option key={value} value={value}>{value}</option>)}
      </select>
    </label>
  );
}

function defaultTarget(): string {
  const me = app.inbox.peek()?.me.peek();
  const mall = me?.malls[0];
  return mall ? `mall:${mall}` : me ? `admin:${me.admin}` : "all";
}

function problemText(problem: PublishProblem): string {
  return texts.value.publish[problem];
}
