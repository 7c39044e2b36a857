/**
 * How long 1,000,000 partitions over 2,000 members take, in ms. After a build, with Node 24:
 * `node packages/consumer-group/test/bench.ts`.
 */
import { cooperativeSticky, range, roundRobin, twoPhase } from "@corral/consumer-group";
import type { Assignment, GroupMember, Topic } from "@corral/consumer-group";

const MEMBERS = 2_000;
const TOPICS = 500;
const PARTITIONS = 2_000;

const topics: readonly Topic[] = Array.from({ length: TOPICS }, (_, t) => ({ name: `t${t}`, partitions: PARTITIONS }));
const names = topics.map(({ name }) => name);
/** Each member to all topics. */
const equal = Array.from({ length: MEMBERS }, (_, m): GroupMember => ({ id: `m${m}`, topics: names }));
/** Each member to another half of the topics. */
const mixed = equal.map((member, m): GroupMember => {
  return { ...member, topics: names.filter((_, t) => (t * 7 + m * 13) % 20 < 10 || t === m % TOPICS) };
});

/** The same members, owning what they were given. */
function settled(members: readonly GroupMember[], given: Assignment): GroupMember[] {
  return members.map((member) => ({ ...member, owned: { generation: 1, partitions: given.get(member.id)! } }));
}

function timed<T>(what: string, work: () => T): T {
  const from = performance.now();
  const result = work();
  process.stdout.write(`${what.padEnd(48)} ${(performance.now() - from).toFixed(0).padStart(6)}\n`);
  return result;
}

for (const [subscriptions, members] of [
  ["equal", equal],
  ["mixed", mixed],
] as const) {
  timed(`${subscriptions}: range`, () => range.assign(members, topics));
  timed(`${subscriptions}: roundrobin`, () => roundRobin.assign(members, topics));
  const given = timed(`${subscriptions}: sticky, nothing owned`, () => cooperativeSticky.assign(members, topics));
  const before = settled(members, given);
  timed(`${subscriptions}: sticky, nothing changed`, () => cooperativeSticky.assign(before, topics));
  timed(`${subscriptions}: sticky, 100 members left`, () => cooperativeSticky.assign(before.slice(100), topics));
  const few = members.slice(100);
  const joined = [...members.slice(0, 100), ...settled(few, cooperativeSticky.assign(few, topics))];
  const target = timed(`${subscriptions}: sticky, 100 members joined`, () => cooperativeSticky.assign(joined, topics));
  timed(`${subscriptions}: two phases of that`, () => twoPhase(joined, target));
  const one = settled(members.slice(0, 1), cooperativeSticky.assign(members.slice(0, 1), topics));
  timed(`${subscriptions}: sticky, one had all it could`, () =>
    cooperativeSticky.assign([...one, ...members.slice(1)], topics),
  );
}
