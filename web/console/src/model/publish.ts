/** What is wrong with the form, named as its text is. */
export type PublishProblem = "badType" | "needTargets" | "needText" | "badData";

/** Makes an ingress record of the form. Fields left empty are left out: the hub has defaults. */
export function eventOf(form: FormData): Record<string, unknown> | PublishProblem {
  const text = (name: string) => {
    const value = form.get(name);
    return typeof value === "string" ? value.trim() : "";
  };
  const type = text("type").toUpperCase();
  if (!/^[A-Z][A-Z0-9_]{0,63}$/.test(type)) return "badType";
  const targets = text("targets").split(/[\s,]+/).filter(Boolean);
  if (targets.length === 0) return "needTargets";
  if (!text("title") && !text("body")) return "needText";
  const event: Record<string, unknown> = { type, targets };
  for (const name of ["title", "body", "link", "sound", "priority"]) {
    if (text(name)) event[name] = text(name);
  }
  if (text("data")) {
    const data = parseObject(text("data"));
    if (!data) return "badData";
    event["data"] = data;
  }
  return event;
}

function parseObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
