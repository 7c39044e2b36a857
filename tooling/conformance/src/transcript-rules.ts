// What holds of one transcript by itself: the order its events are compared in, and that its server's times follow its
// zxids. Pure functions.
import type { Answer, Stat } from "./answer.ts";
import type { Entry, Transcript } from "./runner.ts";

/**
 * Events of one closing session have no order among each other, and neither have those that a session missed while it
 * was away: ZooKeeper sends these list by list. Such runs are sorted, on both sides.
 */
export function inOrder(stream: readonly Entry[]): Entry[] {
  const ordered: Entry[] = [];
  let run: (Entry & { kind: "event" })[] = [];
  let unordered = false;
  let back = false;
  const flush = (): void => {
    if (unordered) run.sort((one, other) => `${one.path} ${one.type}`.localeCompare(`${other.path} ${other.type}`));
    ordered.push(...run);
    run = [];
  };
  for (const entry of stream) {
    if (entry.kind === "event") {
      run.push(entry);
      continue;
    }
    flush();
    ordered.push(entry);
    if (entry.kind === "fence") unordered = entry.unordered;
    else if (entry.kind === "attach") unordered = true;
    else if (back) unordered = false;
    back = entry.kind === "attach";
  }
  flush();
  return ordered;
}

/** A server stamps one time on one zxid, and never an earlier one on a later zxid. */
export function clockFault({ streams }: Transcript): string | undefined {
  const stamps = new Map<bigint, number>();
  for (const stat of streams.flat().flatMap((entry) => (entry.kind === "reply" ? statsOf(entry.answer) : []))) {
    for (const [zxid, time] of [
      [stat.czxid, stat.ctime],
      [stat.mzxid, stat.mtime],
    ] as const) {
      if (stamps.has(zxid) && stamps.get(zxid) !== time)
        return `zxid ${zxid} has the times ${stamps.get(zxid)} and ${time}`;
      stamps.set(zxid, time);
    }
  }
  let latest = -Infinity;
  for (const [zxid, time] of [...stamps].sort(([one], [other]) => (one < other ? -1 : 1))) {
    if (time < latest) return `zxid ${zxid} has the time ${time}, an earlier one has ${latest}`;
    latest = time;
  }
  return undefined;
}

function statsOf(answer: Answer): Stat[] {
  return [...(answer.stat === undefined ? [] : [answer.stat]), ...(answer.parts ?? []).flatMap(statsOf)];
}
