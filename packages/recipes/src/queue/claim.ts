/** Finding the next job, and making it one's own: names are listed, data is read of the one job only, and one transaction decides. */
import {
  type Client,
  type Deadline,
  isCorralError,
  op as operation,
  type Operation,
  read,
  type Stat,
} from "@corral/client";
import { contenderData } from "../hold/contender-data.ts";
import { whileIn } from "../hold/in-session.ts";
import { unseen } from "../hold/let-go.ts";
import { childOf, evicted, leavePlace, type Place } from "../hold/place.ts";
import { claimPath, idOf, itemPath } from "./layout.ts";
import { isOne } from "./put.ts";
import { type JobRecord, jobRecord } from "./record.ts";
import type { QueueSetup } from "./setup.ts";

/** A job that was taken: the claim, and what stood in the item when it was. */
export interface Claimed<T> {
  readonly claim: Place;
  readonly item: Item;
  readonly record: JobRecord;
  readonly value: T;
}

/** One life of a job's znode: an id may come again. */
export interface Item {
  readonly path: string;
  readonly czxid: number;
}

interface Free {
  readonly priority: number;
  readonly name: string;
}

/**
 * The oldest job of the first priority that has one without a claim. That takes the names of all claims, and of each priority at most one
 * name more than there are claims: so a job that is not due yet costs two names at each look, and one that waits costs nothing.
 */
export async function findFree<T>(
  { client, paths }: QueueSetup<T>,
  op: string,
  deadline: Deadline,
): Promise<Free | undefined> {
  const [names, stats] = await Promise.all([
    namesIn(client, paths.claims, deadline),
    client.multiRead(
      paths.items.map((path) => read.stat(path)),
      deadline.rest(),
    ),
  ]);
  const claimed = new Set(names);
  for (const [priority, stat] of stats.entries()) {
    if (!isOne(stat) || stat.value.numChildren === 0) continue;
    const name = await firstOutside(client, paths.items[priority]!, claimed, deadline);
    if (name !== undefined) return { priority, name };
  }
  return undefined;
}

async function firstOutside(
  client: Client,
  path: string,
  claimed: ReadonlySet<string>,
  deadline: Deadline,
): Promise<string | undefined> {
  for await (const { name } of client.list(path, { ...deadline.rest(), pageSize: claimed.size + 1 }))
    if (!claimed.has(name)) return name;
  return undefined;
}

async function namesIn(client: Client, path: string, deadline: Deadline): Promise<string[]> {
  try {
    return await client.children(path, deadline.rest());
  } catch (error) {
    if (isCorralError(error, "NO_NODE")) return [];
    throw error;
  }
}

/**
 * Takes it, and leaves the line in the same transaction. Undefined if it is another's meanwhile, or has become a dead letter: look again.
 * Rejects with `GUARD_FAILED` when the place in the line is gone.
 */
export async function claim<T>(
  setup: QueueSetup<T>,
  place: Place,
  { priority, name }: Free,
  op: string,
  deadline: Deadline,
): Promise<Claimed<T> | undefined> {
  const { client, paths, codec, attemptsMax } = setup;
  const item = itemPath(paths, priority, name);
  const found = await whileIn(
    place.session,
    op,
    place.path,
    client.find(item, { ...deadline.rest(), codec: jobRecord }),
  );
  if (found === undefined) return undefined;
  const { stat } = found;
  const record = { ...found.value, id: idOf(name), priority };
  if (record.attempts >= attemptsMax) {
    const why = record.reason ?? "it was taken that often, and neither acknowledged nor given back with a reason";
    return giveUp(setup, place, { item, name, stat, record: { ...record, reason: why } }, op, deadline);
  }
  let value: T;
  try {
    value = codec.decode(record.value);
  } catch (error) {
    // Nobody who reads as this one does will ever take it; meanwhile it must not stand in everybody's way.
    const reason = `the codec ${codec.name} refuses the value: ${String(error)}`;
    return giveUp(setup, place, { item, name, stat, record: { ...record, reason } }, op, deadline);
  }
  const taken = { ...record, attempts: record.attempts + 1 };
  const claiming = take(setup, place, { item, name, stat, record: taken });
  try {
    const mine = await deadline.race(whileIn(place.session, op, place.path, claiming));
    return { claim: mine, item: { path: item, czxid: stat.czxid }, record: taken, value };
  } catch (error) {
    // Nobody waits for it any more, unless it was refused.
    unseen(claiming.then((mine) => leavePlace(client, mine)));
    return refused(error, place, op);
  }
}

interface Found {
  readonly item: string;
  readonly name: string;
  readonly stat: Stat;
  /** As it is to be written. */
  readonly record: JobRecord;
}

/** As with a place: never aborted, so that what comes of it is always learned. In a later session the place is gone, and nothing is taken. */
async function take<T>(setup: QueueSetup<T>, place: Place, { item, name, stat, record }: Found): Promise<Place> {
  const { client, paths, identity } = setup;
  const [, , { path, stat: made }] = await client.multi(
    [
      leave(place),
      operation.set(item, record, { codec: jobRecord, ifMatch: { mzxid: stat.mzxid } }),
      operation.create(
        claimPath(paths, name),
        { identity },
        { codec: contenderData, lifetime: "ephemeral", parents: true },
      ),
    ],
    { timeoutMs: Infinity },
  );
  return { path, name, parent: paths.claims, czxid: made.czxid, session: place.session };
}

async function giveUp<T>(
  setup: QueueSetup<T>,
  place: Place,
  { item, name, stat, record }: Found,
  op: string,
  deadline: Deadline,
): Promise<undefined> {
  const operations = [
    operation.check(place.path, { czxid: place.czxid }),
    operation.check(item, { mzxid: stat.mzxid }),
    operation.check(claimPath(setup.paths, name), "absent"),
    ...bury(setup, { path: item, czxid: stat.czxid }, record),
  ];
  try {
    await whileIn(place.session, op, place.path, setup.client.multi(operations, deadline.rest()));
    return undefined;
  } catch (error) {
    return refused(error, place, op);
  }
}

/** From the queue to the dead letters. */
export function bury<T>({ paths }: QueueSetup<T>, { path, czxid }: Item, record: JobRecord): Operation<unknown>[] {
  const letter = childOf(paths.dead, "letter-");
  return [
    operation.delete(path, { ifMatch: { czxid } }),
    operation.create(letter, record, { codec: jobRecord, sequential: true, parents: true }),
  ];
}

const leave = ({ path, czxid }: Place): Operation<void> => operation.delete(path, { ifMatch: { czxid } });

/** The first operation is about the place; any other that does not hold any more says that the job is not what it was. */
function refused(error: unknown, place: Place, op: string): undefined {
  if (!isCorralError(error, "NODE_EXISTS", "NO_NODE", "GUARD_FAILED")) throw error;
  if (error.index === 0) throw evicted(op, place.path);
  return undefined;
}
