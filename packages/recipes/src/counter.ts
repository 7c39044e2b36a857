/**
 * A counter: a whole number of 64 bits that many add to. Curator's DistributedAtomicLong and its blocks of reserved numbers
 * (CachedAtomicLong), kazoo's Counter, which writes the same decimal text: both may count on one znode. (Curator writes eight bytes.)
 *
 * Every addition counts exactly once, whatever replies get lost, as long as the session lives: an addition is a write on the very state that was
 * read, and its outcome is always learned. Only when a session ends with the write unanswered nobody can know: `OUTCOME_UNKNOWN`. Never
 * wraps around: `LIMIT_EXCEEDED`.
 */
import { type Client, type Codec, CorralError, type ReadOptions, type WriteOptions } from "@corral/client";
import { inTime } from "./hold/acquire.ts";
import { put } from "./shared-value/put.ts";

/** The bounds of what a counter holds. */
export const COUNTER_MAX: bigint = 2n ** 63n - 1n;
export const COUNTER_MIN: bigint = -(2n ** 63n);

/**
 * Holds nothing itself: may be used again and again, and by many at once. A znode that does not exist, or is empty, stands for 0. Every
 * method rejects with `CODEC` where something else than a number of 64 bits stands; writes that others outrun 100 times, with `OVERLOADED`.
 */
export interface Counter {
  readonly path: string;
  /** Resolves with the sum. Default 1; a `number` must be a safe integer. `LIMIT_EXCEEDED` beyond 64 bits: nothing is added then. */
  add(n?: number | bigint, options?: WriteOptions): Promise<bigint>;
  get(options?: ReadOptions): Promise<bigint>;
  /**
   * Adds `n`, at least 1, and gives the numbers passed by to this caller alone: `from`, and those after it up to but without `to`. Those of a caller
   * that dies are lost.
   */
  reserve(n: number | bigint, options?: WriteOptions): Promise<{ readonly from: bigint; readonly to: bigint }>;
  /** Whatever it was. */
  set(value: number | bigint, options?: WriteOptions): Promise<void>;
  /** Only if it is as expected; false if it is not. */
  compareAndSet(expected: number | bigint, value: number | bigint, options?: WriteOptions): Promise<boolean>;
}

/** A counter on a path. The znode is made, with parents that are missing, when it is first written. */
export function counter(client: Client, path: string): Counter {
  const add = async (op: string, n: bigint, options: WriteOptions | undefined): Promise<bigint> => {
    const change = (now: { readonly value: bigint } | undefined): bigint => fitting(op, path, (now?.value ?? 0n) + n);
    const { value } = await client.update(path, change, { ...options, codec: decimal, create: { parents: true } });
    return value;
  };
  return {
    path,
    add: async (n = 1, options) => add("counter.add", whole("counter.add", path, n), options),
    async get(options) {
      return (await client.find(path, { ...options, codec: decimal }))?.value ?? 0n;
    },
    async reserve(n, options) {
      const op = "counter.reserve";
      const many = whole(op, path, n);
      if (many < 1n) throw badNumber(op, path, n, "cannot be reserved: it is less than 1");
      const to = await add(op, many, options);
      return { from: to - many, to };
    },
    async set(value, options) {
      const op = "counter.set";
      const next = fitting(op, path, whole(op, path, value));
      const deadline = client.deadline(op, options);
      const putting = put(client, path, next, { op, codec: decimal, guard: options?.guard }, deadline);
      await inTime(deadline, putting, path);
    },
    compareAndSet: (expected, value, options) => compareAndSet(client, path, expected, value, options),
  };
}

async function compareAndSet(
  client: Client,
  path: string,
  expected: number | bigint,
  value: number | bigint,
  options: WriteOptions | undefined,
): Promise<boolean> {
  const op = "counter.compareAndSet";
  const [before, after] = [whole(op, path, expected), fitting(op, path, whole(op, path, value))];
  const differs = new Error("the counter is not as expected");
  const change = (now: { readonly value: bigint } | undefined): bigint => {
    if ((now?.value ?? 0n) !== before) throw differs;
    return after;
  };
  const deadline = client.deadline(op, options);
  return inTime(deadline, tries(), path);

  async function tries(): Promise<boolean> {
    for (;;) {
      try {
        const how = { ...deadline.rest(), guard: options?.guard, codec: decimal, create: { parents: true } };
        await client.update(path, change, how);
        return true;
      } catch (error) {
        if (error !== differs) throw error;
      }
      // What was read may be older than what others have been told.
      const now = await client.find(path, { ...deadline.rest(), codec: decimal, consistency: "linearizable" });
      if ((now?.value ?? 0n) !== before) return false;
    }
  }
}

function whole(op: string, path: string, n: number | bigint): bigint {
  if (typeof n === "bigint") return n;
  if (Number.isSafeInteger(n)) return BigInt(n);
  throw badNumber(op, path, n, "is not a safe integer; beyond those, give a bigint");
}

const badNumber = (op: string, path: string, n: number | bigint, means: string): CorralError =>
  new CorralError("BAD_ARGUMENTS", { op, detail: { path, name: "n" }, means: `${String(n)} ${means}` });

function fitting(op: string, path: string, sum: bigint): bigint {
  if (sum >= COUNTER_MIN && sum <= COUNTER_MAX) return sum;
  throw new CorralError("LIMIT_EXCEEDED", {
    op,
    detail: { path, name: sum > 0n ? "counterMax" : "counterMin" },
    means: `${sum} is beyond 64 bits, ${COUNTER_MIN} to ${COUNTER_MAX}; the counter stays as it was`,
  });
}

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder("utf-8", { fatal: true });

const decimal: Codec<bigint> = {
  name: "counter",
  encode: (value) => utf8.encode(value.toString()),
  decode: (data) => {
    if (data === null || data.length === 0) return 0n;
    const text = fromUtf8.decode(data);
    if (!/^-?\d{1,19}$/.test(text)) throw new TypeError("what stands there is not a whole number in decimal text");
    const value = BigInt(text);
    if (value < COUNTER_MIN || value > COUNTER_MAX) throw new TypeError(`${value} is beyond 64 bits`);
    return value;
  },
};
