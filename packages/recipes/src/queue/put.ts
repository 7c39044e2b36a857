/** Putting a job into the queue: one transaction, in which the server decides whether it is there already. */
import {
  CorralError,
  isCorralError,
  op as operation,
  type Operation,
  read,
  type ReadOptions,
  type Settled,
  type WriteOptions,
} from "@corral/client";
import { contenderData } from "../hold/contender-data.ts";
import { checkId, claimPath, donePath, drawId, itemPath, nameOf, type QueuePaths } from "./layout.ts";
import { DELAY_MS_MAX, PRIORITIES, PRIORITY_DEFAULT } from "./limits.ts";
import { type JobRecord, jobRecord } from "./record.ts";
import { checkNumber, type QueueSetup } from "./setup.ts";

export interface PutOptions extends WriteOptions {
  /**
   * While a job of this id is in the queue, whether it waits or is in work, putting it again changes nothing: so what was put with the
   * outcome unknown may be put once more. At most 512 bytes. Default: drawn.
   */
  readonly id?: string | undefined;
  /** For so long after its job was acknowledged the id is still taken for one that is there, milliseconds; by the server's clock. Default 0. */
  readonly dedupeMs?: number | undefined;
  /** 0 to 9; a job of 0 is taken before any of 1. Default 5. */
  readonly priority?: number | undefined;
  /** Not to be taken before so many milliseconds, by the server's clock; then in the order of its having been put. Default 0. */
  readonly delayMs?: number | undefined;
}

export interface Put {
  readonly id: string;
  /** False: one of this id was there already, and stays as it was. */
  readonly isNew: boolean;
}

export async function put<T>(setup: QueueSetup<T>, value: T, options: PutOptions = {}): Promise<Put> {
  const op = "queue.put";
  const { client, paths, codec } = setup;
  const { queue } = paths;
  const dedupeMs = checkNumber(op, queue, "dedupeMs", Math.ceil(options.dedupeMs ?? 0), 0, DELAY_MS_MAX);
  const delayMs = checkNumber(op, queue, "delayMs", Math.ceil(options.delayMs ?? 0), 0, DELAY_MS_MAX);
  const hasId = options.id !== undefined;
  if (!hasId && dedupeMs > 0) {
    const means = "without an id there is nothing to be known again";
    throw new CorralError("BAD_ARGUMENTS", { op, detail: { path: queue, name: "dedupeMs", actual: dedupeMs }, means });
  }
  const id = hasId ? checkId(op, queue, options.id) : drawId(client.random);
  const record: JobRecord = {
    id,
    priority: checkNumber(op, queue, "priority", options.priority ?? PRIORITY_DEFAULT, 0, PRIORITIES - 1),
    attempts: 0,
    dedupeMs: dedupeMs > 0 ? dedupeMs : undefined,
    value: encoded(codec, value, queue, op),
  };
  const deadline = client.deadline(op, options);
  // Asked of the server as it is now: an older answer could take a job for there that was done meanwhile.
  const now = await look(setup, { ...deadline.rest(), consistency: "linearizable" }, hasId ? id : undefined);
  if (now.isThere) return { id, isNew: false };
  checkRoom(setup, now, op);
  const isNew = await insert(setup, record, { hasId, delayMs }, [], { ...deadline.rest(), guard: options.guard });
  return { id, isNew };
}

/** Writes a job into the queue together with something else. False, and nothing is written, if one of its id is there. */
export async function insert<T>(
  { client, paths, identity }: QueueSetup<T>,
  record: JobRecord,
  { hasId, delayMs }: { readonly hasId: boolean; readonly delayMs: number },
  before: readonly Operation<unknown>[],
  options: WriteOptions,
): Promise<boolean> {
  const name = nameOf(record.id);
  const checks = hasId ? elsewhere(paths, record).map((path) => operation.check(path, "absent")) : [];
  const at = itemPath(paths, record.priority, name);
  const operations: Operation<unknown>[] = [
    ...before,
    ...checks,
    operation.create(at, record, { codec: jobRecord, parents: true }),
  ];
  const itemIndex = operations.length - 1;
  if (delayMs > 0) operations.push(notDue(claimPath(paths, name), delayMs, identity));
  try {
    await client.multi(operations, options);
    return true;
  } catch (error) {
    if (!isCorralError(error, "NODE_EXISTS") || error.index === undefined) throw error;
    if (error.index < before.length || error.index > itemIndex) throw error;
    return false;
  }
}

/** Keeps everybody from taking the job, until the server has reaped it. */
export function notDue(path: string, delayMs: number, identity: string): Operation<unknown> {
  return operation.create(path, { identity }, { codec: contenderData, lifetime: { ttlMs: delayMs }, parents: true });
}

/** Where else a job of this id may be, or have been. */
function elsewhere(paths: QueuePaths, { id, priority }: Pick<JobRecord, "id" | "priority">): string[] {
  const name = nameOf(id);
  const others = paths.items.flatMap((_, other) => (other === priority ? [] : [itemPath(paths, other, name)]));
  return [...others, donePath(paths, name)];
}

/** How full it is, and whether a job of that id is there. */
interface Now {
  /** Jobs in the queue, free or not. */
  readonly jobs: number;
  readonly letters: number;
  readonly isThere: boolean;
}

/** All at one zxid. */
export async function look<T>({ client, paths }: QueueSetup<T>, options: ReadOptions, id?: string): Promise<Now> {
  const own = id === undefined ? [] : [itemPath(paths, 0, nameOf(id)), ...elsewhere(paths, { id, priority: 0 })];
  const counted = [...paths.items, paths.dead];
  const stats = await client.multiRead(
    [...counted, ...own].map((path) => read.stat(path)),
    options,
  );
  const counts = stats.slice(0, counted.length).map((one) => (isOne(one) ? one.value.numChildren : 0));
  const letters = counts.pop() ?? 0;
  const jobs = counts.reduce((sum, each) => sum + each, 0);
  return { jobs, letters, isThere: stats.slice(counted.length).some(isOne) };
}

/** Throws `LIMIT_EXCEEDED` when there is no room for another job. */
function checkRoom<T>({ paths, depthMax }: QueueSetup<T>, { jobs, letters }: Now, op: string): void {
  if (jobs >= depthMax) throw full(op, paths.queue, "depthMax", depthMax, jobs);
  // They are kept until somebody looks after them, so they must not grow without bound either.
  if (letters >= depthMax) throw full(op, paths.dead, "deadLetters", depthMax, letters);
}

export function full(op: string, path: string, name: string, limit: number, actual: number): CorralError {
  const means = name === "depthMax" ? "the queue is full" : "there are as many dead letters as the queue may have jobs";
  return new CorralError("LIMIT_EXCEEDED", {
    op,
    detail: { path, name, limit, actual },
    outcome: "no",
    retryable: true,
    means,
  });
}

/** Throws what is wrong, unless there is just no such znode. */
export function isOne<R>(found: Settled<R>): found is Extract<Settled<R>, { readonly ok: true }> {
  if (found.ok) return true;
  if (found.error.code === "NO_NODE") return false;
  throw found.error;
}

function encoded<T>(codec: QueueSetup<T>["codec"], value: T, path: string, op: string): Uint8Array | null {
  try {
    return codec.encode(value);
  } catch (cause) {
    const means = "the value could not be encoded";
    throw new CorralError("CODEC", { op, detail: { path, name: codec.name }, cause, means });
  }
}
