/**
 * Who is to have what, by the log: written by whoever leads, of members that were there then and of no older ones, every partition once,
 * in even shares, with no more moves than needed; and after the last change of members, soon for good.
 */
import type { Violation } from "../../history.ts";
import type { Fact } from "./facts.ts";

type Of<K extends Fact["kind"]> = Extract<Fact, { readonly kind: K }>;
type Parts = ReadonlyMap<string, ReadonlySet<string>>;

/** After the last change of members a leader divides so often, at most: it may learn of one change after the other. */
const ROUNDS_MAX = 4;
const STICKY: ReadonlySet<string> = new Set(["sticky", "cooperative-sticky"]);

/** Who there was, from this place in the log on. */
interface Roll {
  readonly index: number;
  readonly members: ReadonlySet<string>;
  readonly away: ReadonlySet<string>;
}

interface Division {
  readonly fact: Of<"division">;
  /** What was to be had before, and now: by member. */
  readonly before: Parts;
  readonly after: Parts;
  /** Claims that stood since the division before it, by partition: all their members. */
  readonly claims: ReadonlyMap<string, ReadonlySet<string>>;
  readonly leader: number | undefined;
}

/** `until`: the place in the log where everything had come to rest. `partitions`: those that there were then. */
export function checkDivisions(
  facts: readonly Fact[],
  rest?: { readonly until: number; readonly partitions: Iterable<string> },
): Violation[] {
  const violations: Violation[] = [];
  const wrong = (what: string): void => void violations.push({ check: "group divisions", what });
  const { rolls, divisions, leads } = read(facts);
  let chosen = 0;
  let epoch = 0;
  let term: number | undefined;
  for (const division of divisions) {
    const { fact, leader, after } = division;
    const at = `at ${fact.zxid}, epoch ${fact.epoch}`;
    if (fact.epoch <= epoch) wrong(`${at}: after epoch ${epoch}`);
    epoch = fact.epoch;
    if (fact.candidacy === undefined || fact.candidacy !== leader)
      wrong(`${at}: written by the candidate ${fact.candidacy}, while ${leader} leads`);
    if (fact.candidacy !== term) chosen = 0;
    term = fact.candidacy;
    const from = Math.max(chosen, rollAt(rolls, leads.get(term ?? 0) ?? 0));
    const since = rolls.slice(from);
    const seen = since.filter((one) => one.index <= fact.index && isOf(one, since, after));
    // When exactly the leader looked is not in the log: there has to be a moment at which it was right.
    const roll = seen.find((one) => [...problemsOf(division, one)].length === 0) ?? seen.at(-1);
    if (roll === undefined) {
      wrong(`${at}: targets of ${[...after.keys()].join(", ")}, who were never the members in the term of this leader`);
      continue;
    }
    chosen = rolls.indexOf(roll);
    for (const problem of problemsOf(division, roll)) wrong(`${at}: ${problem}`);
  }
  if (rest !== undefined) checkRest(facts, rest, divisions, wrong);
  return violations;
}

/** The roll of this place in the log. */
const rollAt = (rolls: readonly Roll[], index: number): number =>
  Math.max(
    0,
    rolls.findLastIndex((one) => one.index <= index),
  );

/** Are these the targets of those members, and of some that were away in that time? */
function isOf({ members }: Roll, since: readonly Roll[], targets: Parts): boolean {
  for (const member of members) if (!targets.has(member)) return false;
  for (const member of targets.keys())
    if (!members.has(member) && !since.some(({ away }) => away.has(member))) return false;
  return true;
}

function read(facts: readonly Fact[]): {
  readonly rolls: readonly Roll[];
  readonly divisions: readonly Division[];
  readonly leads: ReadonlyMap<number, number>;
} {
  const rolls: Roll[] = [{ index: -1, members: new Set(), away: new Set() }];
  const divisions: Division[] = [];
  /** Since when a candidate has been the first. */
  const leads = new Map<number, number>();
  const members = new Set<string>();
  const away = new Set<string>();
  const targets = new Map<string, ReadonlySet<string>>();
  const candidates = new Set<number>();
  const standing = new Map<string, string>();
  let claims = new Map<string, Set<string>>();
  let before: Parts = new Map();
  const addClaim = (key: string, member: string): void =>
    void claims.set(key, new Set([...(claims.get(key) ?? []), member]));
  for (const fact of facts) {
    const { index } = fact;
    if (fact.kind === "candidate") candidates.add(fact.czxid);
    if (fact.kind === "uncandidate") candidates.delete(fact.czxid);
    const first = Math.min(...candidates);
    if (candidates.size > 0 && !leads.has(first)) leads.set(first, index);
    if (fact.kind === "claim") {
      standing.set(fact.key, fact.member);
      addClaim(fact.key, fact.member);
    }
    if (fact.kind === "unclaim") standing.delete(fact.key);
    if (fact.kind === "target") targets.set(fact.member, new Set(fact.partitions));
    if (fact.kind === "untarget") targets.delete(fact.member);
    if (fact.kind === "member") members.add(fact.member);
    if (fact.kind === "unmember") members.delete(fact.member);
    if (fact.kind === "instance" && fact.state === "away") away.add(fact.instance);
    else if (fact.kind === "instance" || fact.kind === "uninstance") away.delete(fact.instance);
    if (/member|instance/.test(fact.kind)) {
      const roll = { index, members: new Set(members), away: new Set(away) };
      // One entry is one moment.
      if (rolls.at(-1)!.index === index) rolls[rolls.length - 1] = roll;
      else rolls.push(roll);
    }
    if (fact.kind !== "division" || fact.epoch === (divisions.at(-1)?.fact.epoch ?? 0)) continue;
    const after = new Map(targets);
    divisions.push({ fact, before, after, claims, leader: candidates.size === 0 ? undefined : first });
    before = after;
    claims = new Map();
    for (const [key, member] of standing) addClaim(key, member);
  }
  return { rolls, divisions, leads };
}

/** What is wrong with a division in itself. */
function* problemsOf({ fact, before, after, claims }: Division, { members }: Roll): Generator<string> {
  const owners = new Map<string, string>();
  for (const [member, own] of after)
    for (const key of own) {
      if (owners.has(key)) yield `${key} is for ${owners.get(key)} and for ${member}`;
      owners.set(key, member);
    }
  // Of what waits for those who are away, something may lie between.
  if (members.size === 0) return;
  for (const key of owners.keys()) {
    const [topic, number] = key.split("/") as [string, string];
    if (number !== "0" && !owners.has(`${topic}/${Number(number) - 1}`))
      yield `${key} is for somebody, one before it not`;
  }
  const sizes = (among: (key: string) => boolean): number[] =>
    Array.from(members, (member) => [...(after.get(member) ?? [])].filter(among).length);
  const topics = fact.assignor === "range" ? new Set(Array.from(owners.keys(), topicOf)) : [undefined];
  // What waits for those who are away is not theirs to share.
  for (const topic of topics) {
    const own = sizes((key) => topic === undefined || topicOf(key) === topic);
    if (Math.max(...own) - Math.min(...own) > 1)
      yield `shares of ${own.join(", ")}${topic === undefined ? "" : ` in ${topic}`}`;
  }
  if (!STICKY.has(fact.assignor ?? "") || hasUntargeted(before, claims, members)) return;
  const kept = keptOf(before, after, members);
  const most = mostKept(before, owners, members);
  if (kept < most) yield `${kept} partitions stay with whom they were, where ${most} could`;
}

const topicOf = (key: string): string => key.slice(0, key.indexOf("/"));

/** Does a member have what was for nobody that is left? The leader goes by that too, and when it looked cannot be told. */
function hasUntargeted(
  before: Parts,
  claims: ReadonlyMap<string, ReadonlySet<string>>,
  members: ReadonlySet<string>,
): boolean {
  const targeted = new Set(Array.from(members, (member) => [...(before.get(member) ?? [])]).flat());
  return [...claims].some(([key, by]) => !targeted.has(key) && [...by].some((member) => members.has(member)));
}

function keptOf(before: Parts, after: Parts, members: ReadonlySet<string>): number {
  let kept = 0;
  for (const member of members)
    for (const key of after.get(member) ?? []) if (before.get(member)?.has(key) === true) kept++;
  return kept;
}

/** Sizes are the floor of the mean, and one more for some: those who have most keep most. */
function mostKept(before: Parts, owners: ReadonlyMap<string, string>, members: ReadonlySet<string>): number {
  const free = [...owners].filter(([, member]) => members.has(member)).map(([key]) => key);
  const floor = Math.floor(free.length / members.size);
  let larger = free.length % members.size;
  let most = 0;
  for (const member of members) {
    const had = free.filter((key) => before.get(member)?.has(key) === true).length;
    most += Math.min(had, floor);
    if (had > floor && larger > 0) {
      most++;
      larger--;
    }
  }
  return most;
}

/** Everybody who is there has what is for them, and all there is is for somebody; that took few rounds. */
function checkRest(
  facts: readonly Fact[],
  { until, partitions }: { readonly until: number; readonly partitions: Iterable<string> },
  divisions: readonly Division[],
  wrong: (what: string) => void,
): void {
  const past = facts.filter(({ index }) => index < until);
  const { rolls } = read(past);
  const last = rolls.at(-1)!;
  const rounds = divisions.filter(({ fact }) => fact.index > last.index && fact.index < until).length;
  if (rounds > ROUNDS_MAX)
    wrong(`${rounds} divisions after the last change of members, at most ${ROUNDS_MAX} are needed`);
  const after = divisions.findLast(({ fact }) => fact.index < until)?.after ?? new Map<string, ReadonlySet<string>>();
  const owners = new Map<string, string>();
  for (const fact of past) {
    if (fact.kind === "claim") owners.set(fact.key, fact.member);
    if (fact.kind === "unclaim") owners.delete(fact.key);
  }
  for (const member of last.members)
    if (!after.has(member)) wrong(`${member} is a member at rest, and nothing was said of it`);
  for (const member of after.keys())
    if (!last.members.has(member)) wrong(`${member} is to have something at rest, and is gone`);
  const wanted = new Map(Array.from(after, ([member, own]) => [...own].map((key) => [key, member] as const)).flat());
  for (const key of partitions) if (!wanted.has(key)) wrong(`${key} is for nobody at rest`);
  for (const key of new Set([...wanted.keys(), ...owners.keys()]))
    if (wanted.get(key) !== owners.get(key))
      wrong(`${key} is for ${wanted.get(key)} at rest, and ${owners.get(key)} has it`);
}
