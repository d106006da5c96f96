import { signal } from "@preact/signals";

export type Page = "timeline" | "cluster";

const pageOf = (hash: string): Page => (hash === "#cluster" ? "cluster" : "timeline");

/** What the console shows. It stands in the address, so that a reload and "back" keep it. */
export const page = signal<Page>(pageOf(location.hash));

window.addEventListener("popstate", () => (page.value = pageOf(location.hash)));

export function goTo(to: Page): void {
  if (page.peek() === to) return;
  history.pushState(null, "", to === "cluster" ? "#cluster" : location.pathname + location.search);
  page.value = to;
}
