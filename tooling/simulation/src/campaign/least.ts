/** Delta debugging: the least of a list with which something still happens. */

/**
 * Leaves out halves, then quarters, …, then single items, from the end to the beginning, until none of what is kept can be left
 * out alone. `happens` is asked of what would be kept, in its order; `isOver` ends the search with the best so far.
 */
export async function leastOf<T>(
  items: readonly T[],
  happens: (kept: readonly T[]) => Promise<boolean>,
  isOver: () => boolean,
): Promise<readonly T[]> {
  let kept = items;
  for (let size = Math.max(1, Math.ceil(items.length / 2)); kept.length > 0;) {
    const before = kept.length;
    for (let end = kept.length; end > 0 && !isOver();) {
      const start = Math.max(0, end - size);
      const rest = [...kept.slice(0, start), ...kept.slice(end)];
      if (await happens(rest)) kept = rest;
      end = start;
    }
    if (isOver() || (size === 1 && kept.length === before)) break;
    size = Math.max(1, Math.ceil(size / 2));
  }
  return kept;
}

/** The least whole number from `low` to `high` with which it happens, if those above it do too; it does with `high`. */
export async function leastNumber(
  low: number,
  high: number,
  happens: (value: number) => Promise<boolean>,
  isOver: () => boolean,
): Promise<number> {
  let [least, most] = [low, high];
  while (least < most && !isOver()) {
    const middle = Math.floor((least + most) / 2);
    if (await happens(middle)) most = middle;
    else least = middle + 1;
  }
  return most;
}
