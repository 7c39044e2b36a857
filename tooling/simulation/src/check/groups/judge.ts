/** All checks of a group, of its log and of what its programs have noted; and what of that was worth reaching. */
import { checkHistory, type TraceEvent } from "@corral/consumer-group";
import type { Violation } from "../../history.ts";
import type { Entry } from "../../model/model.ts";
import { checkClaims } from "./claims.ts";
import { checkDivisions } from "./divisions.ts";
import { checkSink, checkTogether } from "./effects.ts";
import { factsOf } from "./facts.ts";
import { checkHandling } from "./handling.ts";
import { type Reached, tellReached } from "./reached.ts";
import type { Notes } from "./notes.ts";

/** More of the same says no more. */
const VIOLATIONS_MAX = 20;

export interface Judged extends Reached {
  readonly notes: Notes;
  readonly told: readonly TraceEvent[];
  readonly mode: "together" | "sink" | "now and then";
  readonly concurrency: number;
  readonly clocksTell: boolean;
  /** Undefined: it never came to rest. */
  readonly restAt: number | undefined;
}

export function judgeGroup(entries: readonly Entry[], judged: Judged): Violation[] {
  const { notes, told, mode, concurrency, clocksTell, restAt } = judged;
  const facts = factsOf(entries);
  const commits = mode !== "sink";
  const violations = [
    ...checkClaims(facts, notes.sought),
    ...checkDivisions(facts, restAt === undefined ? undefined : { until: restAt, partitions: notes.ends.keys() }),
  ];
  // What has not come to rest is not handled to the end: that has been said.
  const handling = { concurrency, commits, clocksTell, counts: mode === "together" ? "effects" : "work" } as const;
  if (restAt !== undefined) {
    violations.push(...checkHandling(facts, notes, handling));
    if (mode === "sink") violations.push(...checkSink(facts, notes));
  }
  if (mode === "together") violations.push(...checkTogether(facts));
  // The package's own rules know nothing of administrators.
  const isMeddled = facts.some((fact) => fact.kind === "unoffset" || (fact.kind === "offset" && fact.claim === 0));
  if (!isMeddled) violations.push(...checkHistory(told).map((what) => ({ check: "group history", what })));
  // When all leave in the end, that is nothing to be reached.
  tellReached(
    facts.filter(({ index }) => index < (restAt ?? Infinity)),
    notes,
    judged,
  );
  return violations.slice(0, VIOLATIONS_MAX);
}
