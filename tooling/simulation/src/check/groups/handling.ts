/**
 * What was handed to handlers, beside the log: by a claim that stood there, from where the offset was, in order, one chain of a partition
 * in a consumer; nothing is committed before it is handled, and nothing is left out.
 */
import type { Violation } from "../../history.ts";
import type { Fact, Gone } from "./facts.ts";
import type { Handled, Notes, Sought } from "./notes.ts";

export interface HandlingRules {
  /** Messages of one partition that one consumer may handle at once. */
  readonly concurrency: number;
  /** Offsets stand in the tree, and not in a sink. */
  readonly commits: boolean;
  /** What makes a message count as handled: that a handler has done its work, or that its effect stands in the tree. */
  readonly counts: "work" | "effects";
  /** Sessions end by silence alone, and clocks tell of that: whoever is silent knows in time. */
  readonly clocksTell: boolean;
}

interface ClaimSeen {
  readonly token: number;
  readonly index: number;
  /** The offset that stood there; 0 where none did. */
  readonly found: number;
  ended: { readonly index: number; readonly gone: Gone } | undefined;
}

type Wrong = (what: string) => void;

export function checkHandling(facts: readonly Fact[], notes: Notes, rules: HandlingRules): Violation[] {
  const violations: Violation[] = [];
  const wrong: Wrong = (what) => void violations.push({ check: "group handling", what });
  const claims = claimsIn(facts);
  const byClaim = new Map<string, Handled[]>();
  for (const one of notes.handled) {
    checkClaim(one, claims.get(`${one.key} ${one.token}`), rules, wrong);
    const name = `${one.life} ${one.key} ${one.token}`;
    byClaim.set(name, [...(byClaim.get(name) ?? []), one]);
  }
  for (const calls of byClaim.values()) {
    const { life, key, token } = calls[0]!;
    const sought = notes.sought.filter((one) => one.life === life && one.key === key);
    checkOrder(calls, sought, rules.commits ? claims.get(`${key} ${token}`) : undefined, wrong);
  }
  checkChains(notes.handled, rules.concurrency, wrong);
  if (rules.commits) checkCommits(facts, notes, rules, wrong);
  checkLost(facts, notes, rules, wrong);
  return violations;
}

function claimsIn(facts: readonly Fact[]): Map<string, ClaimSeen> {
  const claims = new Map<string, ClaimSeen>();
  const offsets = new Map<string, number>();
  for (const fact of facts) {
    if (fact.kind === "offset") offsets.set(fact.key, fact.offset);
    if (fact.kind === "unoffset") offsets.delete(fact.key);
    if (fact.kind === "claim") {
      const { key, token, index } = fact;
      claims.set(`${key} ${token}`, { token, index, found: offsets.get(key) ?? 0, ended: undefined });
    }
    const over = fact.kind === "unclaim" ? claims.get(`${fact.key} ${fact.token}`) : undefined;
    if (over !== undefined && fact.kind === "unclaim") over.ended = { index: fact.index, gone: fact.gone };
  }
  return claims;
}

/** Handed out while the claim stood; or after it had ended, where the process could not know. */
function checkClaim(one: Handled, claim: ClaimSeen | undefined, rules: HandlingRules, wrong: Wrong): void {
  if (claim === undefined || claim.index >= one.at) return wrong(`${shown(one)}: there is no such claim yet`);
  const { ended } = claim;
  if (ended === undefined || ended.index >= one.at) return;
  if (ended.gone === "own") wrong(`${shown(one)}: its own session had given the claim back`);
  if (ended.gone === "expired" && rules.clocksTell)
    wrong(`${shown(one)}: its session had ended, and the clocks told so`);
}

/** From where the offset was, one after the other; again only what threw, or from where somebody sought. */
function checkOrder(
  calls: readonly Handled[],
  sought: readonly Sought[],
  claim: ClaimSeen | undefined,
  wrong: Wrong,
): void {
  /** What may come next: an offset that is sought may be one that has thrown, and which of both it is cannot be told. */
  let next = claim === undefined ? undefined : new Set([claim.found]);
  /** By the last call of each. */
  const done = new Map<number, Handled>();
  for (const call of calls) {
    const { offset } = call;
    const before = done.get(offset);
    done.set(offset, call);
    const then = new Set<number>();
    const isSought = sought.some((one) => one.offset === offset && one.at <= call.at);
    if (next === undefined || next.has(offset) || isSought) then.add(offset + 1);
    if (before?.end?.hasThrown === true) for (const one of next ?? []) then.add(one);
    if (then.size === 0) {
      const why = before === undefined ? "and it was never begun" : "and this very claim has handled it";
      wrong(`${shown(call)}: ${[...next!].join(" or ")} is to come, ${why}`);
      then.add(offset + 1);
    }
    next = then;
  }
}

/** By one consumer, a partition is handled for one claim at a time, so many messages at once. */
function checkChains(handled: readonly Handled[], concurrency: number, wrong: Wrong): void {
  const running = new Map<string, Handled[]>();
  for (const call of handled) {
    const name = `${call.life} ${call.joined} ${call.key}`;
    const others = (running.get(name) ?? []).filter(({ end }) => end === undefined || end.order > call.order);
    if (others.some(({ token }) => token !== call.token)) wrong(`${shown(call)} while ${shown(others[0]!)} runs`);
    if (others.length >= concurrency) wrong(`${shown(call)} while ${others.length} others run`);
    running.set(name, [...others, call]);
  }
}

/** An offset stands above what has been handled. */
function checkCommits(facts: readonly Fact[], notes: Notes, rules: HandlingRules, wrong: Wrong): void {
  const done = new Map<string, Set<number>>();
  const doneOf = (key: string): Set<number> => {
    const own = done.get(key) ?? new Set();
    done.set(key, own);
    return own;
  };
  const works = notes.handled.filter(({ worked }) => worked !== undefined).toSorted((a, b) => a.worked! - b.worked!);
  let taken = 0;
  for (const fact of facts) {
    if (rules.counts === "work")
      for (; taken < works.length && works[taken]!.worked! <= fact.index; taken++)
        doneOf(works[taken]!.key).add(works[taken]!.offset);
    else if (fact.kind === "effect") doneOf(fact.key).add(fact.offset);
    if (fact.kind !== "offset" || fact.claim === 0) continue;
    for (let offset = 0; offset < fact.offset; offset++) {
      if (doneOf(fact.key).has(offset)) continue;
      wrong(`at ${fact.zxid}: ${fact.offset} of ${fact.key} is committed, and ${offset} has not been handled`);
      break;
    }
  }
}

/** Everything that was appended has been handled. */
function checkLost(facts: readonly Fact[], notes: Notes, rules: HandlingRules, wrong: Wrong): void {
  const done = new Set<string>();
  if (rules.counts === "work")
    for (const { key, offset, worked } of notes.handled) if (worked !== undefined) done.add(`${key}@${offset}`);
  for (const fact of facts)
    if (rules.counts === "effects" && fact.kind === "effect") done.add(`${fact.key}@${fact.offset}`);
  for (const [key, end] of notes.ends)
    for (let offset = 0; offset < end; offset++)
      if (!done.has(`${key}@${offset}`)) wrong(`${key}@${offset} was appended, and has never been handled`);
}

const shown = ({ life, key, token, offset }: Handled): string => `${life} handles ${key}@${offset} by ${token}`;
