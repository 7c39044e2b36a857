/** Effects that happen exactly once: those written with the offset, by the log; those of a sink that keeps the place, by its own book. */
import type { Violation } from "../../history.ts";
import type { Fact } from "./facts.ts";
import type { Notes } from "./notes.ts";

/**
 * An effect stands in one transaction with the offset after its message, where that was the next one: so it is there once, and once more
 * for each time that somebody has moved the offset back over it.
 */
export function checkTogether(facts: readonly Fact[]): Violation[] {
  const violations: Violation[] = [];
  const wrong = (fact: Fact, what: string): void =>
    void violations.push({ check: "group effects", what: `at ${fact.zxid}: ${what}` });
  const offsets = new Map<string, number>();
  for (const fact of facts) {
    if (fact.kind === "unoffset") offsets.delete(fact.key);
    if (fact.kind === "offset") offsets.set(fact.key, fact.offset);
    if (fact.kind !== "effect") continue;
    const { key, offset } = fact;
    const next = offsets.get(key) ?? 0;
    if (next !== offset) wrong(fact, `the effect of ${key}@${offset}, where ${next} is the next`);
    if (!facts.some((one) => one.index === fact.index && isAfter(one, key, offset)))
      wrong(fact, `the effect of ${key}@${offset} without the offset after it`);
  }
  return violations;
}

const isAfter = (fact: Fact, key: string, offset: number): boolean =>
  fact.kind === "offset" && fact.key === key && fact.offset === offset + 1;

/** Every message once, in order, by tokens that never fall and that were claims of the partition. */
export function checkSink(facts: readonly Fact[], { applied, ends }: Notes): Violation[] {
  const violations: Violation[] = [];
  const wrong = (what: string): void => void violations.push({ check: "group effects", what });
  const claims = new Map<string, number>();
  for (const fact of facts) if (fact.kind === "claim") claims.set(`${fact.key} ${fact.token}`, fact.index);
  const places = new Map<string, { readonly next: number; readonly token: number }>();
  for (const { key, token, offset, at } of applied) {
    const { next, token: greatest } = places.get(key) ?? { next: 0, token: 0 };
    if (offset !== next) wrong(`the sink takes ${key}@${offset}, where ${next} is the next`);
    if (token < greatest) wrong(`the sink takes ${key}@${offset} with ${token}, after ${greatest}`);
    if ((claims.get(`${key} ${token}`) ?? Infinity) >= at)
      wrong(`the sink takes ${key}@${offset} with ${token}, which is no claim`);
    places.set(key, { next: Math.max(next, offset + 1), token: Math.max(greatest, token) });
  }
  for (const [key, end] of ends) {
    const next = places.get(key)?.next ?? 0;
    if (next !== end) wrong(`the sink has taken ${next} of ${key}, of ${end}`);
  }
  return violations;
}
