/** A group of many members: how long until all have their part, and who is told when one comes or goes. */
import { nowMs } from "./moment.ts";
import { Child } from "./child.ts";
import type { FromMembers, Look, MembersOrder, ToMembers } from "./members-process.ts";
import { eventually, type Measure } from "./report.ts";

const PROCESSES = 4;
/** Partitions for each member, so that a member less or more moves few of them. */
const PARTITIONS_EACH = 10;

type Members = Child<ToMembers, FromMembers>;

async function look(all: readonly Members[]): Promise<Look> {
  const looks = await Promise.all(all.map(async (one) => (await one.ask({ ask: "look" }, "look")).look));
  return {
    members: looks.reduce((sum, { members }) => sum + members, 0),
    sizes: looks.flatMap(({ sizes }) => sizes),
    stable: looks.reduce((sum, { stable }) => sum + stable, 0),
    lastChangeAt: Math.max(...looks.map(({ lastChangeAt }) => lastChangeAt)),
    touched: looks.reduce((sum, { touched }) => sum + touched, 0),
  };
}

/** All partitions are claimed, and no member has two more than another. */
async function settled(all: readonly Members[], members: number, partitions: number): Promise<Look> {
  let touched = 0;
  const found = await eventually(async () => {
    const seen = await look(all);
    touched += seen.touched;
    const { sizes } = seen;
    const sum = sizes.reduce((total, size) => total + size, 0);
    const even = Math.max(...sizes) - Math.min(...sizes) <= 1;
    return seen.members === members && sum === partitions && even ? seen : undefined;
  }, `${members} members have all ${partitions} partitions, evenly`);
  return { ...found, touched };
}

export async function measureGroup(
  url: string,
  members: number,
  processes: { kill(): void }[],
): Promise<readonly Measure[]> {
  const partitions = members * PARTITIONS_EACH;
  const measures: Measure[] = [];
  const from = nowMs();
  const all: Members[] = Array.from({ length: PROCESSES }, (_, i) => {
    const share = Math.floor(members / PROCESSES) + (i < members % PROCESSES ? 1 : 0);
    const order: MembersOrder = { url, group: "scale", members: share, partitions, sessionTimeoutMs: 30_000 };
    const one: Members = new Child(`members ${i}`, "./members-process.js", order);
    processes.push(one);
    return one;
  });
  await Promise.all(all.map((one) => one.told("started")));
  const joined = await settled(all, members, partitions);
  measures.push({
    what: `${members} members joined, ${partitions} partitions claimed evenly, processes started meanwhile`,
    ms: joined.lastChangeAt - from,
  });

  const { at } = await all[0]!.ask({ ask: "one-leaves" }, "left");
  const less = await settled(all, members - 1, partitions);
  measures.push({
    what: `one of ${members} left: until its ${PARTITIONS_EACH} partitions are claimed again (${less.touched} other members were told of anything)`,
    ms: less.lastChangeAt - at,
  });

  const joiningAt = nowMs();
  all[0]!.tell({ ask: "one-joins" });
  const more = await settled(all, members, partitions);
  measures.push({
    what: `one joined ${members - 1}: until all is even again (${more.touched - 1} other members were told of anything)`,
    ms: more.lastChangeAt - joiningAt,
  });
  for (const one of all) one.kill();
  return measures;
}
