/**
 * A latch: opens for good when a number of things have happened. Java's CountDownLatch, made safe to repeat: each thing has a key, and
 * counts once however often it is told. ZooKeeper, Curator, kazoo and etcd have nothing like it.
 *
 * On the path a znode `{"count":3,"left":1}`, below it one `key-…` for each thing, and `done` from the moment at which nothing is left:
 * all of a step in one transaction, so there is no moment at which it should be open and is not. Everything is persistent; a latch
 * never closes again by itself.
 */
import {
  type CallOptions,
  type Client,
  type Codec,
  CorralError,
  type Deadline,
  isCorralError,
  op,
  read,
  type ReadOptions,
} from "@corral/client";
import { inTime, patient } from "./hold/acquire.ts";
import { childOf } from "./hold/place.ts";
import { pause } from "./wait/pause.ts";
import { watchUntil } from "./wait/watch-until.ts";

/** Things that a latch can wait for: they, and it, are deleted in one transaction, of 10,000 znodes at most. */
export const LATCH_COUNT_MAX = 9_000;
/** Of one count-down, against others at the same time. */
const LATCH_TRIES_MAX = 100;

/** Holds nothing itself: may be used again and again, and by many at once. */
export interface Latch {
  readonly path: string;
  /**
   * It has happened. Resolves with how many are left; a key that counted before, or comes when nothing is left, changes nothing. After
   * an error of outcome `unknown` tell it again: it counts once. `OVERLOADED` if too many count down at the same time.
   */
  countDown(key: string, options?: CallOptions): Promise<number>;
  /** Resolves when nothing is left. `timeoutMs`: none by default. Goes on over the end of a session. Rejects with `TIMEOUT`, `ABORTED`, `CLOSED`. */
  wait(options?: CallOptions): Promise<void>;
  /** How many are left. */
  left(options?: ReadOptions): Promise<number>;
  /** Begins anew: nothing has happened. Whoever waits, waits on. False if nothing had. */
  reset(options?: CallOptions): Promise<boolean>;
}

interface State {
  readonly count: number;
  readonly left: number;
}

/**
 * A latch on a path that opens after `count` different keys. All who use it must give the same count: `BAD_ARGUMENTS` otherwise. It is
 * made, with parents that are missing, at the first count-down.
 */
export function latch(client: Client, path: string, count: number): Latch {
  if (!Number.isSafeInteger(count) || count < 1 || count > LATCH_COUNT_MAX) {
    throw new CorralError("BAD_ARGUMENTS", {
      op: "latch",
      detail: { path, name: "count", limit: LATCH_COUNT_MAX, actual: count },
      means: `the count is not a whole number from 1 to ${LATCH_COUNT_MAX}`,
    });
  }
  return {
    path,
    countDown: (key, options) => countDown(client, path, count, key, options),
    wait: (options) => wait(client, path, count, options),
    left: (options) => left(client, path, count, options),
    async reset(options) {
      return (await client.delete(path, { ...options, recursive: true, missing: "ok" })) > 0;
    },
  };
}

const doneOf = (path: string): string => childOf(path, "done");

async function countDown(
  client: Client,
  path: string,
  count: number,
  key: string,
  options: CallOptions | undefined,
): Promise<number> {
  const name = "latch.countDown";
  const counted = childOf(path, nameOf(path, key));
  const deadline = client.deadline(name, options);
  return inTime(deadline, step(), path);

  async function step(): Promise<number> {
    for (let tries = 0; tries < LATCH_TRIES_MAX; tries++) {
      const [latched, before] = await client.multiRead([read.get(path, { codec: state }), read.stat(counted)], {
        ...deadline.rest(),
        consistency: "linearizable",
      });
      if (!latched.ok) {
        if (latched.error.code !== "NO_NODE") throw latched.error;
        await make(client, path, count, deadline);
        continue;
      }
      const { value, stat } = latched.value;
      checkCount(name, path, count, value);
      if (before.ok || value.left === 0) return value.left;
      const left = value.left - 1;
      try {
        await client.multi(
          [
            op.set(path, { count, left }, { codec: state, ifMatch: { mzxid: stat.mzxid } }),
            op.create(counted),
            ...(left === 0 ? [op.create(doneOf(path))] : []),
          ],
          deadline.rest(),
        );
        return left;
      } catch (error) {
        // Others counted in between, or began anew.
        if (!isCorralError(error, "GUARD_FAILED", "NO_NODE", "NODE_EXISTS")) throw error;
      }
      await pause(client, deadline, tries + 1);
    }
    throw new CorralError("OVERLOADED", {
      op: name,
      detail: { path, name: "latchTries", limit: LATCH_TRIES_MAX },
      means: "others counted down in between each time",
    });
  }
}

async function make(client: Client, path: string, count: number, deadline: Deadline): Promise<void> {
  try {
    await client.create(path, { count, left: count }, { ...deadline.rest(), codec: state, parents: true });
  } catch (error) {
    if (!isCorralError(error, "NODE_EXISTS")) throw error;
  }
}

function wait(client: Client, path: string, count: number, options: CallOptions | undefined): Promise<void> {
  const name = "latch.wait";
  const deadline = patient(client, name, options);
  const done = doneOf(path);
  const waiting = watchUntil(client, name, deadline, {
    path: done,
    async look() {
      const [opened, latched] = await client.multiRead([read.stat(done), read.get(path, { codec: state })], {
        ...deadline.rest(),
        consistency: "linearizable",
      });
      if (latched.ok) checkCount(name, path, count, latched.value.value);
      for (const one of [opened, latched]) if (!one.ok && one.error.code !== "NO_NODE") throw one.error;
      return opened.ok ? true : undefined;
    },
    told: ({ kind }) => (kind === "created" ? true : undefined),
  });
  return inTime(
    deadline,
    waiting.then(() => {}),
    path,
  );
}

async function left(client: Client, path: string, count: number, options: ReadOptions | undefined): Promise<number> {
  const latched = await client.find(path, { ...options, codec: state });
  if (latched === undefined) return count;
  checkCount("latch.left", path, count, latched.value);
  return latched.value.left;
}

function checkCount(name: string, path: string, count: number, { count: stored }: State): void {
  if (stored === count) return;
  throw new CorralError("BAD_ARGUMENTS", {
    op: name,
    detail: { path, name: "count", limit: stored, actual: count },
    means: "others use this latch with another count",
  });
}

/** Any text can be a key; a name must not have a slash, nor be a dot. */
function nameOf(path: string, key: string): string {
  try {
    return `key-${encodeURIComponent(key)}`;
  } catch (cause) {
    throw new CorralError("BAD_ARGUMENTS", {
      op: "latch.countDown",
      detail: { path, name: "key" },
      means: "the key has half of a surrogate pair",
      cause,
    });
  }
}

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder("utf-8", { fatal: true });

const state: Codec<State> = {
  name: "latch",
  encode: (value) => utf8.encode(JSON.stringify(value)),
  decode: (data) => {
    const { count, left } = JSON.parse(fromUtf8.decode(data ?? new Uint8Array())) as Record<string, unknown>;
    if (!isWhole(count) || !isWhole(left) || left > count) throw new TypeError("this znode is no latch");
    return { count, left };
  },
};

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
