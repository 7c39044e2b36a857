/**
 * Bringing the targets of a group to what they are to be: what has changed and nothing else, in chunks, the group's record last.
 *
 * Every chunk is guarded by the leadership: of a leader that is none any more nothing is written. Should it end half-way, the next one starts
 * from what it finds; it never matters for safety, which rests on claims.
 */
import { type Client, isCorralError, op, type Operation } from "@corral/client";
import type { Leadership } from "@corral/recipes";
import type { GroupPaths } from "../../layout.ts";
import { groupCodec, type GroupRecord, type PartitionsRecord, targetCodec, type TargetRecord } from "../../records.ts";
import type { Division, Wanted } from "./division.ts";
import { type GroupView, named } from "./view.ts";

/** Operations of one transaction. */
const CHUNK_OPS_MAX = 500;
/** Bytes of one transaction: a request may have a megabyte, and others wait for it. One target may be larger. */
const CHUNK_BYTES_MAX: number = 256 * 1024;
/** Of the path and the frame of an operation, about, bytes. */
const OP_BYTES = 200;

export interface TargetWriting {
  readonly client: Client;
  readonly paths: GroupPaths;
  readonly leadership: Leadership;
  readonly signal: AbortSignal;
  readonly view: GroupView;
}

interface Step {
  readonly operation: Operation<unknown>;
  readonly bytes: number;
}

/**
 * `hasMembers`: are there any that live? False if something was not as the view had it: look again. Rejects with `GUARD_FAILED` when it is no
 * leader any more.
 */
export async function writeTargets(writing: TargetWriting, division: Division, hasMembers: boolean): Promise<boolean> {
  const { paths, view } = writing;
  const stored = new Map(Array.from(named(view.targets, paths.targets), ([member, { value }]) => [member, value]));
  const record = view.group.get(paths.group)?.value;
  const last = lastEpoch(record, stored.values());
  const steps = [...changedTargets(paths, stored, division.targets, last + 1)];
  const epoch = steps.length > 0 ? last + 1 : last;
  const next: GroupRecord = {
    format: 1,
    epoch,
    assignmentEpoch: epoch,
    assignor: division.assignor ?? record?.assignor ?? null,
    emptySinceMs: hasMembers ? null : (record?.emptySinceMs ?? writing.client.clock.wallMs()),
  };
  if (!isSameRecord(record, next)) steps.push(stepOf(paths.group, next, groupCodec, view.group.has(paths.group)));
  let wentAsSeen = true;
  for (const chunk of chunksOf(steps)) wentAsSeen = (await write(writing, chunk)) && wentAsSeen;
  return wentAsSeen;
}

/** The greatest that there is, also of a leader that did not come to writing the group's record. */
function lastEpoch(record: GroupRecord | undefined, targets: Iterable<TargetRecord>): number {
  let last = record?.epoch ?? 0;
  for (const { epoch } of targets) last = Math.max(last, epoch);
  return last;
}

function* changedTargets(
  paths: GroupPaths,
  stored: ReadonlyMap<string, TargetRecord>,
  wanted: ReadonlyMap<string, Wanted>,
  epoch: number,
): Generator<Step> {
  for (const member of stored.keys())
    if (!wanted.has(member)) yield { operation: op.delete(paths.target(member)), bytes: OP_BYTES };
  for (const [member, { partitions, refused }] of wanted) {
    const now = stored.get(member);
    if (now !== undefined && now.refused === refused && isSamePartitions(now.partitions, partitions)) continue;
    yield stepOf<TargetRecord>(paths.target(member), { epoch, partitions, refused }, targetCodec, now !== undefined);
  }
}

function stepOf<T>(path: string, value: T, codec: typeof targetCodec | typeof groupCodec, isThere: boolean): Step {
  const data = codec.encode(value as never);
  const operation = isThere ? op.set(path, data) : op.create(path, data, { parents: true });
  return { operation, bytes: OP_BYTES + (data?.length ?? 0) };
}

function* chunksOf(steps: readonly Step[]): Generator<readonly Operation<unknown>[]> {
  let chunk: Operation<unknown>[] = [];
  let bytes = 0;
  for (const step of steps) {
    if (chunk.length > 0 && (chunk.length >= CHUNK_OPS_MAX || bytes + step.bytes > CHUNK_BYTES_MAX)) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(step.operation);
    bytes += step.bytes;
  }
  if (chunk.length > 0) yield chunk;
}

async function write(
  { client, leadership, signal }: TargetWriting,
  operations: readonly Operation<unknown>[],
): Promise<boolean> {
  const results = await client.multiEach(operations, { guard: leadership.guard, signal, timeoutMs: Infinity });
  let wentAsSeen = true;
  for (const result of results) {
    if (result.ok) continue;
    if (!isCorralError(result.error, "NO_NODE", "NODE_EXISTS")) throw result.error as Error;
    wentAsSeen = false;
  }
  return wentAsSeen;
}

function isSamePartitions(a: PartitionsRecord, b: PartitionsRecord): boolean {
  const topics = Object.keys(a);
  if (topics.length !== Object.keys(b).length) return false;
  return topics.every((topic) => {
    const [mine, yours] = [a[topic]!, Object.hasOwn(b, topic) ? b[topic]! : []];
    return mine.length === yours.length && mine.every((number, at) => number === yours[at]);
  });
}

function isSameRecord(a: GroupRecord | undefined, b: GroupRecord): boolean {
  return (
    a !== undefined &&
    a.epoch === b.epoch &&
    a.assignmentEpoch === b.assignmentEpoch &&
    a.assignor === b.assignor &&
    a.emptySinceMs === b.emptySinceMs
  );
}
