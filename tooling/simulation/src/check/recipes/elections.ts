/** Who led when, by the log: for those who follow an election, and for what only leaders do. */
import type { Sleep } from "../../history.ts";
import type { Run } from "./book.ts";
import { purposeOf, rightOf } from "./holds.ts";
import type { StateAt } from "./numbers.ts";
import type { Tale } from "./tale.ts";

/** What those who observe may be told, in order: the leader's term and what it proclaimed; "nobody". */
export function statesOfElection(path: string, tale: Tale): StateAt[] {
  const states: StateAt[] = [{ at: 0, what: "nobody" }];
  const leaders = tale
    .childrenOf(path)
    .filter((life) => purposeOf(life) !== undefined)
    .map((life) => ({ life, right: rightOf(tale, life) }))
    .filter(({ right }) => right !== Number.POSITIVE_INFINITY)
    .sort((a, b) => a.right - b.right);
  for (const [i, { life, right }] of leaders.entries()) {
    let shown: string | undefined;
    for (const { at, text } of life.data) {
      const what = leaderText(life.czxid, proclaimed(text));
      // Before it led it may have proclaimed nothing, but asked to let go; only the last of that is seen.
      const from = Math.max(at, right);
      if (what === shown) continue;
      shown = what;
      states.push({ at: from, what });
    }
    const next = leaders[i + 1]?.right ?? Number.POSITIVE_INFINITY;
    if (life.to < next) states.push({ at: life.to, what: "nobody" });
  }
  return states;
}

export const leaderText = (term: number, value: string | undefined): string => `${term} ${value ?? "-"}`;

/** What the leader wrote, as text. */
function proclaimed(text: string): string | undefined {
  try {
    const { value } = JSON.parse(text) as { readonly value?: unknown };
    return typeof value === "string" ? Buffer.from(value, "base64").toString("latin1") : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A job is run by whoever leads, and not before its period is over; the server's clock does not count what its machine slept of it.
 * `everyMs` undefined: that clock was set meanwhile.
 */
export function checkRuns(
  runs: readonly Run[],
  path: string,
  everyMs: number | undefined,
  tale: Tale,
  sleeps: readonly Sleep[] = [],
): string[] {
  const wrong: string[] = [];
  const terms = new Map(
    tale.childrenOf(`${path}/candidates`).map((life) => [life.czxid, { life, right: rightOf(tale, life) }] as const),
  );
  const begun: number[] = [];
  for (const { data } of tale.livesOf(`${path}/last`)) {
    for (const { at, text } of data) {
      begun.push(at);
      const { term } = JSON.parse(text) as { readonly term: number };
      const leader = terms.get(term);
      if (leader === undefined || at < leader.right || at >= leader.life.to)
        wrong.push(`${path} was begun at ${at} in the term ${term}, which was none then`);
    }
  }
  if (runs.length > begun.length) wrong.push(`${path} was run ${runs.length} times, and begun ${begun.length} times`);
  const times = runs.map(({ timeMs }) => timeMs).sort((a, b) => a - b);
  for (const [i, timeMs] of times.entries()) {
    const before = times[i - 1];
    if (before === undefined || everyMs === undefined) continue;
    const within = sleeps.filter((sleep) => sleep.timeMs >= before && sleep.timeMs <= timeMs);
    const sleptMs = within.reduce((sum, { ms }) => sum + ms, 0);
    if (timeMs - before < everyMs - sleptMs)
      wrong.push(`${path} was run ${timeMs - before} ms after the run before, of every ${everyMs}`);
  }
  return wrong;
}
