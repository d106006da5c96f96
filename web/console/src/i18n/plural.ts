/** The singular for one, else the plural. */
export function plural(count: number, one: string, many: string): string {
  return count === 1 ? one : many;
}
