/** Reading, setting and deleting the offsets of a group from outside: only where nobody has claimed the partition. */
import {
  type Client,
  type Codec,
  CorralError,
  type Deadline,
  type Guard,
  isCorralError,
  op as operation,
  type Operation,
} from "@corral/client";
import { type GroupPaths, partitionAt } from "../layout.ts";
import { type OffsetRecord, offsetCodec } from "../records.ts";
import type { TopicPartition } from "../source.ts";
import type { CommittedOffset, OffsetChange, PartitionLag, ResetOptions } from "./api.ts";

/** Partitions of one transaction: all of them, or none. */
const CHANGES_MAX = 200;
/** Znodes of one group that are read at once. */
export const ENTRIES_MAX = 2_000_000;
/** Partitions whose bounds a source is asked for at once. */
const QUESTIONS_MAX = 50;
/** As the member of an offset. */
const ADMINISTRATOR = "administrator";

export interface KnownOffset extends TopicPartition {
  readonly path: string;
  readonly record: OffsetRecord;
  readonly version: number;
  /** When it was written, by the server's clock. */
  readonly mtimeMs: number;
}

/** For directories, which have no data. */
export function orNull<T>(codec: Codec<T>): Codec<T | null> {
  return {
    name: codec.name,
    encode: (value) => (value === null ? null : codec.encode(value)),
    decode: (data) => (data === null ? null : codec.decode(data)),
  };
}

/** In the order of topics and partitions. Of one topic, if it is named. */
export async function offsetsOf(
  client: Client,
  paths: GroupPaths,
  deadline: Deadline,
  topic?: string,
): Promise<KnownOffset[]> {
  const at = topic === undefined ? paths.offsets : paths.offset(topic, 0).replace(/\/0$/, "");
  const found: KnownOffset[] = [];
  try {
    const codec = orNull(offsetCodec);
    const { entries } = await client.readTree(at, { ...deadline.rest(), codec, entriesMax: ENTRIES_MAX });
    for (const { path, value, stat } of entries.values()) {
      const at = partitionAt(paths.offsets, path);
      if (value === null || at === undefined) continue;
      found.push({ ...at, path, record: value, version: stat.version, mtimeMs: stat.mtime });
    }
  } catch (error) {
    if (!isCorralError(error, "NO_NODE")) throw error;
  }
  return found.toSorted(byPartition);
}

export function byPartition(a: TopicPartition, b: TopicPartition): number {
  return a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1;
}

export function committedOf({ topic, partition, record }: KnownOffset): CommittedOffset {
  const { offset, metadata, leaderEpoch, claim, member, atMs } = record;
  return { topic, partition, offset, metadata, leaderEpoch, claim, member, atMs };
}

/** Asks about many, some at a time. */
async function each<T, R>(all: readonly T[], ask: (one: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = [];
  for (let from = 0; from < all.length; from += QUESTIONS_MAX)
    answers.push(...(await Promise.all(all.slice(from, from + QUESTIONS_MAX).map(ask))));
  return answers;
}

interface Position extends TopicPartition {
  readonly committed: number | undefined;
  readonly owner: string | undefined;
}

export function lagOf(
  positions: readonly Position[],
  source: Pick<ResetOptions["source"], "bounds">,
  signal: AbortSignal,
): Promise<PartitionLag[]> {
  return each(positions, async ({ topic, partition, committed, owner }) => {
    const { earliest, latest } = await source.bounds({ topic, partition }, signal);
    const lag = Math.max(0, latest - Math.max(earliest, committed ?? earliest));
    return { topic, partition, committed, earliest, latest, lag, owner };
  });
}

export async function resetOffsets(
  client: Client,
  paths: GroupPaths,
  { to, partitions, source, dryRun = false }: ResetOptions,
  deadline: Deadline,
  signal: AbortSignal,
): Promise<readonly OffsetChange[]> {
  const known = await offsetsOf(client, paths, deadline);
  const byKey = new Map(known.map((one) => [`${one.topic}/${one.partition}`, one]));
  const wanted = (partitions ?? known).map(({ topic, partition }) => ({ topic, partition })).toSorted(byPartition);
  const changes = await deadline.race(
    each(wanted, async (one): Promise<OffsetChange> => {
      const before = byKey.get(`${one.topic}/${one.partition}`)?.record.offset;
      return { ...one, before, after: await newOffset(one, before, to, source, signal) };
    }),
  );
  if (dryRun) return changes;
  await write(client, paths, changes, deadline, ({ topic, partition, after }) => {
    const path = paths.offset(topic, partition);
    const atMs = client.clock.wallMs();
    const record = { offset: after, metadata: "", leaderEpoch: null, claim: 0, member: ADMINISTRATOR, atMs };
    const now = byKey.get(`${topic}/${partition}`);
    // As it was read: two administrators do not undo each other's work unseen.
    return now === undefined
      ? operation.create(path, record, { codec: offsetCodec, parents: true })
      : operation.set(path, record, { codec: offsetCodec, ifMatch: { version: now.version } });
  });
  return changes;
}

async function newOffset(
  partition: TopicPartition,
  before: number | undefined,
  to: ResetOptions["to"],
  source: ResetOptions["source"],
  signal: AbortSignal,
): Promise<number> {
  const { earliest, latest } = await source.bounds(partition, signal);
  const within = (offset: number): number => Math.min(latest, Math.max(earliest, offset));
  if (to === "earliest") return earliest;
  if (to === "latest") return latest;
  if ("offset" in to) return within(to.offset);
  if ("shift" in to) return within((before ?? earliest) + to.shift);
  if (source.offsetAt !== undefined) return within(await source.offsetAt(partition, to.atMs, signal));
  const means = "the source cannot tell an offset by its time";
  throw new CorralError("BAD_ARGUMENTS", { op: "resetOffsets", detail: { name: "to" }, outcome: "no", means });
}

export async function deleteOffsets(
  client: Client,
  paths: GroupPaths,
  known: readonly KnownOffset[],
  deadline: Deadline,
  guard: readonly Guard[] = [],
): Promise<number> {
  await write(
    client,
    paths,
    known,
    deadline,
    ({ path, version }) => operation.delete(path, { ifMatch: { version } }),
    guard,
  );
  return known.length;
}

/** Each behind the proof that nobody has claimed its partition. */
async function write<T extends TopicPartition>(
  client: Client,
  paths: GroupPaths,
  all: readonly T[],
  deadline: Deadline,
  operationOf: (one: T) => Operation<unknown>,
  guard: readonly Guard[] = [],
): Promise<void> {
  for (let from = 0; from < all.length; from += CHANGES_MAX) {
    const operations = all
      .slice(from, from + CHANGES_MAX)
      .flatMap((one) => [operation.check(paths.claim(one.topic, one.partition), "absent"), operationOf(one)]);
    try {
      await client.multi(operations, { ...deadline.rest(), guard });
    } catch (error) {
      if (!isCorralError(error, "NODE_EXISTS")) throw error;
      // Of each two operations, the first is the look at the claim.
      const one = all[from + Math.floor((error.index ?? 0) / 2)];
      const means = `a consumer of the group has ${one?.topic}:${one?.partition}: stop those first`;
      throw new CorralError("NODE_EXISTS", { op: "offsets", detail: { path: error.path }, means, cause: error });
    }
  }
}
