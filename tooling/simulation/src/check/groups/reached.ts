/** What a group came to that tests should come to now and then. Judges nothing. */
import type { GroupMark } from "../../cast/groups/marks.ts";
import type { Fact } from "./facts.ts";
import type { Notes } from "./notes.ts";

export interface Reached {
  /** Of each member, places in the log between which it was not connected. */
  readonly absences: readonly (readonly { readonly from: number; readonly until: number }[])[];
  /** Lives that were killed. */
  readonly deaths: ReadonlySet<string>;
  readonly sometimes: (mark: GroupMark) => void;
}

export function tellReached(facts: readonly Fact[], notes: Notes, reached: Reached): void {
  fromFacts(facts, reached);
  fromNotes(facts, notes, reached);
}

function fromFacts(facts: readonly Fact[], { absences, sometimes }: Reached): void {
  const owners = new Map<string, string[]>();
  const offsets = new Map<string, number>();
  const members = new Set<string>();
  const away = new Map<string, string>();
  const targets = new Map<string, string>();
  const sessions = new Map<string, number>();
  const releases = new Map<string, number>();
  let leader: number | undefined;
  let assignor: string | null | undefined;
  for (const fact of facts) {
    switch (fact.kind) {
      case "refused":
        if (fact.what === "commit") sometimes("group: a stale commit was refused");
        if (fact.what === "reset") sometimes("group: an administrator was refused what somebody had");
        if (fact.what === "claim") sometimes("group: a claim waited for the former owner's end");
        break;
      case "offset":
        if (fact.claim === 0 && fact.offset < (offsets.get(fact.key) ?? 0))
          sometimes("group: an administrator moved an offset back");
        offsets.set(fact.key, fact.offset);
        releases.set(fact.key, fact.index);
        break;
      case "claim": {
        const had = (owners.get(fact.key) ?? []).filter((member, at, all) => member !== all[at - 1]);
        owners.set(fact.key, [...had, fact.member]);
        if (had.length > 1 && had.at(-1) !== fact.member && had.at(-2) === fact.member)
          sometimes("group: a partition moved and moved back");
        break;
      }
      case "unclaim":
        if (fact.gone === "own" && releases.get(fact.key) === fact.index)
          sometimes("group: a claim was given back with its last offset");
        if (fact.gone === "foreign" || fact.gone === "fenced") sometimes("group: a claim was cleared away by another");
        break;
      case "member":
        members.add(fact.member);
        if (fact.isStatic && sessions.get(fact.member) !== undefined && sessions.get(fact.member) !== fact.session)
          sometimes("group: a static member was back before its session ended");
        sessions.set(fact.member, fact.session);
        if (away.has(fact.member) && targets.get(fact.member) === away.get(fact.member))
          sometimes("group: a static member was away and came back to its partitions");
        away.delete(fact.member);
        break;
      case "unmember":
        members.delete(fact.member);
        if (fact.gone !== "foreign" && fact.gone !== "fenced") sessions.delete(fact.member);
        if (members.size === 0) sometimes("group: all members were gone");
        break;
      case "target":
        targets.set(fact.member, fact.partitions.join());
        break;
      case "untarget":
        targets.delete(fact.member);
        break;
      case "instance":
        if (fact.state === "away" && targets.get(fact.instance)) away.set(fact.instance, targets.get(fact.instance)!);
        break;
      case "division":
        if (leader !== undefined && fact.candidacy !== leader) sometimes("group: the leader changed");
        leader = fact.candidacy;
        if (assignor !== undefined && fact.assignor !== assignor) sometimes("group: another assignor was voted for");
        assignor = fact.assignor ?? assignor;
        if (absences.flat().some(({ from, until }) => from <= fact.index && fact.index < until))
          sometimes("group: it was divided anew while a member was not connected");
        break;
      default:
    }
  }
}

function fromNotes(facts: readonly Fact[], { handled }: Notes, { deaths, sometimes }: Reached): void {
  const ends = new Map<string, number>();
  for (const fact of facts) if (fact.kind === "unclaim") ends.set(`${fact.key} ${fact.token}`, fact.index);
  const cutShort = new Set<string>();
  for (const { life, key, token, offset, at, end } of handled) {
    const name = `${key}@${offset}`;
    if (cutShort.has(name)) sometimes("group: a message was handled again after its member was killed");
    if (end === undefined && deaths.has(life)) cutShort.add(name);
    if ((ends.get(`${key} ${token}`) ?? Infinity) < at)
      sometimes("group: a message was handled by a claim that had ended");
  }
}
