/** Jobs that were given up on: kept until somebody puts them back or throws them away. */
import { type CallOptions, isCorralError, op as operation, type ReadOptions } from "@corral/client";
import { REDRIVE_MAX_DEFAULT } from "./limits.ts";
import { childrenOf, valueOf } from "./list.ts";
import { full, insert, look } from "./put.ts";
import { type JobRecord, jobRecord } from "./record.ts";
import type { QueueSetup } from "./setup.ts";

export interface DeadLetter<T> {
  readonly path: string;
  readonly id: string;
  readonly priority: number;
  /** Undefined where the codec refuses it. */
  readonly value: T | undefined;
  /** How often it had been taken. */
  readonly attempts: number;
  readonly reason: string;
  /** Log-clock time of its being given up, milliseconds since 1970. */
  readonly since: number;
  /** The zxid of that. */
  readonly czxid: number;
}

export interface RedriveOptions<T> extends CallOptions {
  /** Which of them. Default: all. */
  readonly only?: ((letter: DeadLetter<T>) => boolean) | undefined;
  /** At most so many. Default 1,000. */
  readonly max?: number | undefined;
}

export interface DeadLetters<T> {
  readonly path: string;
  /** Oldest first, page by page. */
  list(options?: ReadOptions): AsyncIterable<DeadLetter<T>>;
  /**
   * Puts them back into the queue, at its end and as if never taken, each in one transaction. A letter whose id is in the queue again stays
   * where it is. Resolves with how many came back. Rejects with `LIMIT_EXCEEDED` when the queue is full before all have, `TIMEOUT`, `ABORTED`;
   * those that had come back by then stay, and it may be called again.
   */
  redrive(options?: RedriveOptions<T>): Promise<number>;
  /** Throws it away. False if it has gone. */
  discard(letter: DeadLetter<T>, options?: CallOptions): Promise<boolean>;
}

export function deadLetters<T>(setup: QueueSetup<T>): DeadLetters<T> {
  const { client, paths } = setup;
  return {
    path: paths.dead,
    async *list(options) {
      for await (const { letter } of letters(setup, options)) yield letter;
    },
    redrive: (options) => redrive(setup, options),
    async discard({ path, czxid }, options) {
      try {
        return (await client.delete(path, { ...options, ifMatch: { czxid }, missing: "ok" })) > 0;
      } catch (error) {
        if (isCorralError(error, "GUARD_FAILED")) return false;
        throw error;
      }
    },
  };
}

interface Kept<T> {
  readonly letter: DeadLetter<T>;
  readonly record: JobRecord;
}

async function* letters<T>(
  { client, paths, codec }: QueueSetup<T>,
  options: ReadOptions | undefined,
): AsyncGenerator<Kept<T>, void, undefined> {
  for await (const child of childrenOf(client, paths.dead, { ...options, codec: jobRecord })) {
    const { path, value: record, stat } = child;
    if (record === undefined || stat === undefined) continue;
    const { id, priority, attempts, reason = "" } = record;
    const about = { id, priority, attempts, reason, since: stat.ctime, czxid: stat.czxid };
    yield { letter: { path, value: valueOf(codec, record), ...about }, record };
  }
}

async function redrive<T>(setup: QueueSetup<T>, options: RedriveOptions<T> = {}): Promise<number> {
  const op = "queue.redrive";
  const { only = () => true, max = REDRIVE_MAX_DEFAULT } = options;
  const deadline = setup.client.deadline(op, options);
  let count = 0;
  for await (const { letter, record } of letters(setup, deadline.rest())) {
    if (count >= max) break;
    if (!only(letter)) continue;
    const { jobs } = await look(setup, deadline.rest());
    if (jobs >= setup.depthMax) throw full(op, setup.paths.queue, "depthMax", setup.depthMax, jobs);
    if (await redriveOne(setup, letter, record, deadline.rest())) count++;
  }
  return count;
}

async function redriveOne<T>(
  setup: QueueSetup<T>,
  { path, czxid }: DeadLetter<T>,
  record: JobRecord,
  options: CallOptions,
): Promise<boolean> {
  const fresh = { ...record, attempts: 0, reason: undefined };
  const taking = operation.delete(path, { ifMatch: { czxid } });
  try {
    return await insert(setup, fresh, { hasId: true, delayMs: 0 }, [taking], options);
  } catch (error) {
    // Somebody else has moved it, or thrown it away.
    if (isCorralError(error, "NO_NODE", "GUARD_FAILED") && error.index === 0) return false;
    throw error;
  }
}
