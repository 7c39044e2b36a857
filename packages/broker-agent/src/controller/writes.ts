/**
 * How a step gets into the tree: every write of a term is guarded by the controllership and by the controller's own registration, so
 * whatever a controller that is none any more still believes, nothing of it is written.
 *
 * And by the registrations of those whom the states call in sync, the leader among them.
 */
import { type Client, type Guard, isCorralError, op, type Operation, type Stat } from "@corral/client";
import type { ClusterImage } from "../image/cluster-image.ts";
import { partitionCodec } from "../records.ts";
import { OPERATIONS_MAX, type PartitionChange, TRANSACTION_BYTES_MAX } from "./duty.ts";
import { registrationsOf } from "./standing.ts";

/** Transactions of one step under way at once. */
const IN_FLIGHT_MAX = 4;

export interface WritesOptions {
  readonly client: Client;
  readonly image: ClusterImage;
  /** Of the term. */
  readonly guards: readonly { readonly path: string; readonly czxid: number }[];
  /** Ends the waiting. */
  readonly signal: AbortSignal;
}

export interface WrittenPartitions {
  /** Of the latest of them; 0 if there is none. */
  readonly zxid: number;
  /** They are not what was seen any more, or not there. */
  readonly changed: readonly PartitionChange[];
  /** Not tried: somebody that a state of the same transaction calls in sync is not registered any more as he was. */
  readonly untried: readonly PartitionChange[];
}

interface Chunk {
  readonly changes: PartitionChange[];
  readonly operations: Operation<Stat>[];
  /** By path. */
  readonly registrations: Map<string, Guard>;
  bytes: number;
}

/** Those that change who leads go first. Rejects with `GUARD_FAILED` when the term is over: see `isOver`. */
export async function writePartitions(
  options: WritesOptions,
  changes: readonly PartitionChange[],
): Promise<WrittenPartitions> {
  const { client, guards, signal } = options;
  // All at once, before anything else can happen: the states were chosen by the registrations that the image has now.
  const chunks = chunksOf(options, changes);
  const changed: PartitionChange[] = [];
  const untried: PartitionChange[] = [];
  let zxid = 0;
  await eachOf(chunks, async (chunk) => {
    const guard = [...guards, ...chunk.registrations.values()];
    try {
      const results = await client.multiEach(chunk.operations, { guard, signal, timeoutMs: Infinity });
      for (const [at, result] of results.entries()) {
        if (result.ok) {
          zxid = Math.max(zxid, result.value.mzxid);
          continue;
        }
        const { error } = result;
        if (error.code !== "BAD_VERSION" && error.code !== "NO_NODE") throw error;
        changed.push(chunk.changes[at] as PartitionChange);
      }
    } catch (error) {
      if (!isCorralError(error, "GUARD_FAILED") || isOver(options, error)) throw error;
      untried.push(...chunk.changes);
    }
  });
  return { zxid, changed, untried };
}

/** All or nothing. Resolves with a zxid at which it is done. */
export async function writeTogether(
  options: WritesOptions,
  operations: readonly Operation<unknown>[],
  more: readonly Guard[] = [],
): Promise<number> {
  const { client, guards, signal, image } = options;
  if (operations.length > OPERATIONS_MAX) {
    throw new RangeError(`a transaction of ${operations.length} operations, more than ${OPERATIONS_MAX}`);
  }
  const results = await client.multi(operations, { guard: [...guards, ...more], signal, timeoutMs: Infinity });
  const zxid = results.reduce<number>((most, result) => Math.max(most, zxidOf(result)), 0);
  return zxid > 0 ? zxid : client.sync(image.paths.cluster, { signal, timeoutMs: Infinity });
}

/** Does the error say that the term is over? */
export function isOver({ guards }: Pick<WritesOptions, "guards">, error: unknown): boolean {
  return isCorralError(error, "GUARD_FAILED") && guards.some(({ path }) => path === error.path);
}

/** Of the transaction that an operation was done in, where its result tells. */
function zxidOf(result: unknown): number {
  if (typeof result !== "object" || result === null) return 0;
  const { stat = result } = result as { readonly stat?: unknown };
  return (stat as Partial<Stat>).mzxid ?? 0;
}

function chunksOf({ image, guards }: WritesOptions, changes: readonly PartitionChange[]): Chunk[] {
  const chunks: Chunk[] = [];
  for (const change of [...changes.filter(movesLeader), ...changes.filter((one) => !movesLeader(one))]) {
    const { before, state } = change;
    const path = image.paths.partition(before.topicId, before.partition);
    const data = partitionCodec.encode(state);
    const bytes = path.length + (data?.length ?? 0);
    let chunk = chunks.at(-1);
    if (
      chunk === undefined ||
      chunk.operations.length === OPERATIONS_MAX ||
      chunk.bytes + bytes > TRANSACTION_BYTES_MAX
    ) {
      chunk = { changes: [], operations: [], registrations: new Map(), bytes: 0 };
      chunks.push(chunk);
    }
    chunk.changes.push(change);
    chunk.operations.push(op.set(path, data, { ifMatch: { version: before.version } }));
    chunk.bytes += bytes;
    for (const [at, guard] of registrationsOf(image, [state])) {
      if (!guards.some((own) => own.path === at)) chunk.registrations.set(at, guard);
    }
  }
  return chunks;
}

function movesLeader({ before, state }: PartitionChange): boolean {
  return before.state.leader !== state.leader;
}

/** So many at a time, begun in their order. After a failure no more are begun; rejects with the first one, when none is under way. */
async function eachOf<T>(items: readonly T[], use: (item: T) => Promise<void>): Promise<void> {
  let failure: { readonly error: unknown } | undefined;
  const rest = items.values();
  const work = async (): Promise<void> => {
    for (const item of rest) {
      if (failure !== undefined) return;
      try {
        await use(item);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT_MAX, items.length) }, work));
  if (failure !== undefined) throw failure.error;
}
