/**
 * Who had which partition, by the log: one claim at a time, by a member that lives and is to have it, with a token greater than all
 * before; offsets written by the present claim only, and never lower unless somebody asked for that.
 */
import type { Violation } from "../../history.ts";
import type { Fact } from "./facts.ts";
import type { Sought } from "./notes.ts";

type Of<K extends Fact["kind"]> = Extract<Fact, { readonly kind: K }>;

export function checkClaims(facts: readonly Fact[], sought: readonly Sought[]): Violation[] {
  const violations: Violation[] = [];
  const wrong = (fact: Fact, what: string): void =>
    void violations.push({ check: "group claims", what: `at ${fact.zxid}: ${what}` });
  const standing = new Map<string, Of<"claim">>();
  const greatest = new Map<string, number>();
  const offsets = new Map<string, number>();
  const members = new Map<string, Of<"member">>();
  const targets = new Map<string, ReadonlySet<string>>();
  for (const fact of facts) {
    switch (fact.kind) {
      case "member":
        members.set(fact.member, fact);
        break;
      case "unmember":
        members.delete(fact.member);
        break;
      case "target":
        targets.set(fact.member, new Set(fact.partitions));
        break;
      case "untarget":
        targets.delete(fact.member);
        break;
      case "claim": {
        const { key, member, token, session } = fact;
        const other = standing.get(key);
        if (other !== undefined) wrong(fact, `${member} claims ${key}, which ${other.member} has by ${other.token}`);
        if (token !== fact.zxid || token <= (greatest.get(key) ?? 0))
          wrong(fact, `${member} claims ${key} with ${token}, after ${greatest.get(key)}`);
        if (members.get(member)?.session !== session) wrong(fact, `${member} claims ${key}, and is no member`);
        if (targets.get(member)?.has(key) !== true) wrong(fact, `${member} claims ${key}, which it is not to have`);
        standing.set(key, fact);
        greatest.set(key, Math.max(token, greatest.get(key) ?? 0));
        break;
      }
      case "unclaim":
        if (standing.get(fact.key)?.token !== fact.token) wrong(fact, `${fact.key} is let go by ${fact.token}`);
        standing.delete(fact.key);
        break;
      case "offset": {
        const problem = strangerOf(fact, standing.get(fact.key));
        if (problem !== undefined) wrong(fact, problem);
        const before = offsets.get(fact.key) ?? 0;
        offsets.set(fact.key, fact.offset);
        if (fact.offset < before && fact.claim !== 0 && !isSought(fact, sought))
          wrong(fact, `the offset of ${fact.key} goes back from ${before} to ${fact.offset}, and nobody asked for it`);
        break;
      }
      case "unoffset": {
        const claim = standing.get(fact.key);
        if (claim !== undefined) wrong(fact, `the offset of ${fact.key} is deleted, which ${claim.member} has`);
        offsets.delete(fact.key);
        break;
      }
      default:
    }
  }
  return violations;
}

/** Why whoever wrote this offset had no right to. */
function strangerOf(fact: Of<"offset">, claim: Of<"claim"> | undefined): string | undefined {
  const { key, offset, member } = fact;
  if (fact.claim === 0)
    return claim === undefined
      ? undefined
      : `an administrator sets ${key} to ${offset}, which ${claim.member} has by ${claim.token}`;
  if (claim === undefined) return `${member} commits ${offset} of ${key} by ${fact.claim}, which nobody has`;
  if (claim.token !== fact.claim || claim.session !== fact.session || claim.member !== member)
    return `${member} commits ${offset} of ${key} by ${fact.claim}, which ${claim.member} has by ${claim.token}`;
  return undefined;
}

/** Asked for before it was written. */
const isSought = ({ key, offset, index }: Of<"offset">, sought: readonly Sought[]): boolean =>
  sought.some((one) => one.key === key && one.offset === offset && one.at <= index);
