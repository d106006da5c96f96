import { useEffect, useState } from "preact/hooks";
import { texts } from "../i18n/index.ts";
import { app } from "../model/app.ts";
import { devMode, devToken, HttpError, type Person } from "../model/session.ts";
import { cycleTheme, toggleLanguage } from "../model/prefs.ts";
import { Flame, Globe } from "./icons.tsx";
import { ThemeIcon } from "./theme-icon.tsx";

const lastPersonKey = "bongsu.lastPerson";

type Way = "checking" | "dev" | "token";

export function SignInPage() {
  const [way, setWay] = useState<Way>("checking");
  const [hasDev, setHasDev] = useState(false);
  useEffect(() => {
    const leaving = new AbortController();
    void devMode(leaving.signal).then((dev) => {
      if (leaving.signal.aborted) return;
      setHasDev(dev);
      setWay(dev ? "dev" : "token");
    });
    return () => leaving.abort();
  }, []);
  const { signIn } = texts.value;
  return (
    <main class="sign-in" data-testid="sign-in">
      <div class="sign-in-card">
        <div class="sign-in-brand">
          <span class="brand-mark"><Flame size={30} /></span>
          <div>
            <h1>{texts.value.brand}</h1>
            <p>{texts.value.tagline}</p>
          </div>
        </div>
        <Ended />
        {way === "checking" && <p class="muted">{signIn.checking}</p>}
        {way === "dev" && <DevForm />}
        {way === "token" && <TokenForm />}
        {hasDev && way !== "checking" && (
          <button type="button" class="link-button" data-testid="sign-in-switch" onClick={() => setWay(way === "dev" ? "token" : "dev")}>
            {way === "dev" ? signIn.useToken : signIn.useDev}
          </button>
        )}
      </div>
      <div class="sign-in-tools">
        <button type="button" class="quiet" data-testid="language" onClick={toggleLanguage}>
          <Globe /> {texts.value.actions.language}
        </button>
        <button type="button" class="quiet" data-testid="theme" onClick={cycleTheme}>
          <ThemeIcon />
        </button>
      </div>
    </main>
  );
}

/** Why the last session ended. */
function Ended() {
  const ended = app.ended.value;
  if (!ended) return null;
  const { signIn } = texts.value;
  const known: Record<number, string> = {
    4500: signIn.refused,
    4501: signIn.forbidden,
    4503: signIn.replaced,
    4504: signIn.tooMany,
  };
  return <p class="notice" role="alert" data-testid="sign-in-ended">{known[ended.code] ?? signIn.other(ended.why)}</p>;
}

function DevForm() {
  const { signIn } = texts.value;
  const [last] = useState(lastPerson);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    const person: Person = {
      admin: text(fields, "admin"),
      name: text(fields, "name"),
      malls: list(fields, "malls"),
      partners: list(fields, "partners"),
    };
    if (!person.admin) return setError(signIn.needAdmin);
    setBusy(true);
    try {
      await devToken(person);
      rememberPerson(person);
      app.enter({ how: "dev", person });
    } catch (thrown) {
      setBusy(false);
      const why = thrown instanceof HttpError || thrown instanceof Error ? thrown.message : String(thrown);
      setError(signIn.failed(why));
    }
  };
  return (
    <form class="fields" onSubmit={(event) => void submit(event)} noValidate>
      <p class="muted">{signIn.dev}</p>
      <div class="two">
        <Field name="admin" label={signIn.admin} value={last.admin} testid="sign-in-admin" required autofocus />
        <Field name="name" label={signIn.name} value={last.name} testid="sign-in-name" />
      </div>
      <div class="two">
        <Field name="malls" label={signIn.malls} value={last.malls.join(", ")} placeholder="1001, 1002" hint={signIn.list} testid="sign-in-malls" />
        <Field name="partners" label={signIn.partners} value={last.partners.join(", ")} placeholder="31" hint={signIn.list} testid="sign-in-partners" />
      </div>
      {error && <p class="error" role="alert" data-testid="sign-in-error">{error}</p>}
      <button class="primary" data-testid="sign-in-submit" disabled={busy}>{busy ? signIn.busy : signIn.submit}</button>
    </form>
  );
}

function TokenForm() {
  const { signIn } = texts.value;
  const [error, setError] = useState("");
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const token = text(new FormData(event.currentTarget as HTMLFormElement), "token").replace(/^Bearer\s+/i, "");
    if (!token) return setError(signIn.needToken);
    app.enter({ how: "token", token });
  };
  return (
    <form class="fields" onSubmit={submit} noValidate>
      <p class="muted">{signIn.token}</p>
      <label class="field">
        <span>{signIn.tokenLabel}</span>
        <textarea name="token" rows={4} spellcheck={false} autocomplete="off" data-testid="sign-in-token" />
      </label>
      {error && <p class="error" role="alert" data-testid="sign-in-error">{error}</p>}
      <button class="primary" data-testid="sign-in-submit">{signIn.submit}</button>
    </form>
  );
}

interface FieldProps {
  name: string;
  label: string;
  value: string;
  testid: string;
  placeholder?: string;
  hint?: string;
  required?: boolean;
  autofocus?: boolean;
}

function Field({ name, label, value, testid, placeholder, hint, required, autofocus }: FieldProps) {
  return (
    <label class="field">
      <span>{label}</span>
      <input name={name} defaultValue={value} placeholder={placeholder} required={required} autofocus={autofocus}
        autocomplete="off" spellcheck={false} title={hint} data-testid={testid} />
    </label>
  );
}

function text(fields: FormData, name: string): string {
  const value = fields.get(name);
  return typeof value === "string" ? value.trim() : "";
}

function list(fields: FormData, name: string): string[] {
  return text(fields, name).split(/[\s,]+/).filter(Boolean);
}

function lastPerson(): Person {
  const nobody: Person = { admin: "", name: "", malls: [], partners: [] };
  try {
    return { ...nobody, ...(JSON.parse(localStorage.getItem(lastPersonKey) ?? "{}") as Partial<Person>) };
  } catch {
    return nobody;
  }
}

function rememberPerson(person: Person): void {
  try {
    localStorage.setItem(lastPersonKey, JSON.stringify(person));
  } catch {
    // The form will be empty next time.
  }
}
