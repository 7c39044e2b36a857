/** What a server may hold while it runs, and what must be gone when everybody has left. */
import { type Figures, type ServerLimit, serverLimits } from "@corral/server";
import { NIL, type State } from "@corral/state-machine";

/** Which bounds are exceeded. */
export function exceeded(figures: Figures, changes: Partial<Record<ServerLimit, number>>): string[] {
  const limits = serverLimits(changes);
  const bounds: Partial<Record<keyof Figures, number>> = {
    // One more is let in to be told that it is one too many.
    connections: limits.connections + 1,
    sessions: limits.sessions,
    watches: limits.watches,
    // What a frame held when the bound was met is still taken.
    uncommittedBytes: limits.uncommittedBytes + 2 * limits.frameBytes,
  };
  return Object.entries(bounds).flatMap(([name, most]) => {
    const actual = figures[name as keyof Figures] as number;
    return actual > most ? [`${actual} ${name}, of ${most}`] : [];
  });
}

/** What is counted beside the server's own figures: files, timers, bytes that wait. Which of it is more than it may be. */
export interface Counted {
  readonly name: string;
  readonly actual: number;
  readonly most: number;
}
export const tooMany = (counts: readonly Counted[]): string[] =>
  counts.flatMap(({ name, actual, most }) => (actual > most ? [`${actual} ${name}, of ${most}`] : []));

/** With every client closed all of these are 0. */
export function leftBehind(figures: Figures): string[] {
  const names = ["connections", "sessions", "ephemerals", "watches", "subscriptions", "uncommittedBytes"] as const;
  return names.flatMap((name) => (figures[name] === 0 ? [] : [`${figures[name]} ${name} are left`]));
}

/** Time after which a znode that has outlived its own is gone, milliseconds. */
const REAPED_WITHIN_MS = 5_000;

/** A znode whose time was over long ago; undefined if there is none. */
export function overdue({ tree, timeMs }: State): string | undefined {
  const visit = (slot: number): string | undefined => {
    const ttlMs = tree.ttlMs(slot);
    const isOver = ttlMs > 0 && tree.mtime(slot) + ttlMs + REAPED_WITHIN_MS < timeMs;
    if (isOver && tree.firstChild(slot) === NIL) return `${tree.path(slot)} has outlived its time`;
    for (let child = tree.firstChild(slot); child !== NIL; child = tree.next(child)) {
      const found = visit(child);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return visit(tree.find("/"));
}

/** What a one-shot watch is about; undefined for an absent znode. */
export function looks({ tree }: State, path: string): { readonly mzxid: number; readonly names: string } | undefined {
  const slot = tree.find(path);
  if (slot === NIL) return undefined;
  const names: string[] = [];
  for (let child = tree.firstChild(slot); child !== NIL; child = tree.next(child)) names.push(tree.name(child));
  return { mzxid: tree.mzxid(slot), names: names.join() };
}
