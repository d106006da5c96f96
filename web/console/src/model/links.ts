/**
 * Returns the address of an entry's link, or undefined if it is not one that may
 * be opened: only http, https and addresses relative to this page are.
 */
export function safeLink(link: string | undefined, base: string): string | undefined {
  const text = link?.trim();
  if (!text) return undefined;
  try {
    const url = new URL(text, base);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : undefined;
  } catch {
    return undefined;
  }
}
