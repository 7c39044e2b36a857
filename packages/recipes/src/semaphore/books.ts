/**
 * How many permits a semaphore has, and how many are held, as it stands in the tree.
 *
 * Owns the znodes of both. Never counts by itself: the leases are what is held.
 */
import { type CallOptions, type Client, type Codec, CorralError, type Deadline, isCorralError } from "@corral/client";
import { json, read, type ReadOptions } from "@corral/client";
import { childOf } from "../hold/place.ts";

/** Permits of one semaphore. */
export const SEMAPHORE_PERMITS_MAX = 100_000;
/** Znodes of a semaphore that somebody deletes as soon as they are made: so many times. */
export const SEMAPHORE_ESTABLISH_TRIES_MAX = 10;

export interface Count {
  readonly permits: number;
  /** Zxid of the last change of the number of permits. */
  readonly mzxid: number;
  readonly leases: number;
}

const isNumberOfPermits = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= SEMAPHORE_PERMITS_MAX;

/** Throws `BAD_ARGUMENTS`. */
export function checkPermits(op: string, path: string, permits: number): void {
  if (isNumberOfPermits(permits)) return;
  throw new CorralError("BAD_ARGUMENTS", {
    op,
    detail: { path, name: "permits", limit: SEMAPHORE_PERMITS_MAX, actual: permits },
    means: "not a whole number within the limit",
  });
}

const CODEC: Codec<number> = json({
  schema: {
    "~standard": {
      validate: (value) =>
        isNumberOfPermits(value) ? { value } : { issues: [{ message: `${String(value)} is no number of permits` }] },
    },
  },
});

export class Books {
  /** Path of the number of permits. */
  readonly permits: string;
  /** Path of the leases' parent: each of its children is a permit that is held. */
  readonly leases: string;
  readonly #client: Client;
  readonly #wanted: number;
  /** Only who comes is compared: once the numbers were the same, another one is somebody's `resize`. */
  #isAgreed: boolean;

  /** `wanted`: stored where there is none. `isBinding`: another stored number is then an error. */
  constructor(client: Client, path: string, wanted: number, isBinding: boolean) {
    this.permits = childOf(path, "permits");
    this.leases = childOf(path, "leases");
    this.#client = client;
    this.#wanted = wanted;
    this.#isAgreed = !isBinding;
  }

  /** At one zxid. Undefined where there is no semaphore, or only a part of it. */
  async read(options: ReadOptions | undefined): Promise<Count | undefined> {
    const [leases, permits] = await this.#client.multiRead(
      [read.stat(this.leases), read.get(this.permits, { codec: CODEC })],
      options,
    );
    for (const part of [leases, permits]) if (!part.ok && part.error.code !== "NO_NODE") throw part.error;
    if (!leases.ok || !permits.ok) return undefined;
    const { value, stat } = permits.value;
    return { permits: value, mzxid: stat.mzxid, leases: leases.value.numChildren };
  }

  /** Rejects with `BAD_ARGUMENTS` if the number wanted is not the stored one, the first time. */
  async agree(op: string, deadline: Deadline): Promise<void> {
    if (!this.#isAgreed) await this.count(op, deadline);
  }

  /** What is missing is made. */
  async count(op: string, deadline: Deadline): Promise<Count> {
    for (let tries = 1; tries <= SEMAPHORE_ESTABLISH_TRIES_MAX; tries++) {
      const count = await this.read(deadline.rest());
      if (count !== undefined) {
        if (!this.#isAgreed && count.permits !== this.#wanted) throw this.#mismatch(op, count.permits);
        this.#isAgreed = true;
        return count;
      }
      await this.#make(this.leases, null, deadline);
      await this.#make(this.permits, this.#wanted, deadline);
    }
    throw new CorralError("NO_NODE", {
      op,
      detail: { path: this.permits, name: "establishTries", limit: SEMAPHORE_ESTABLISH_TRIES_MAX },
      means: "the znodes of the semaphore are deleted as soon as they are made",
    });
  }

  async #make(path: string, value: number | null, deadline: Deadline): Promise<void> {
    try {
      await this.#client.create(path, value, { ...deadline.rest(), parents: true, codec: CODEC });
    } catch (error) {
      if (!isCorralError(error, "NODE_EXISTS")) throw error;
    }
  }

  #mismatch(op: string, stored: number): CorralError {
    return new CorralError("BAD_ARGUMENTS", {
      op,
      detail: { path: this.permits, name: "permits", limit: stored, actual: this.#wanted },
      means: "another number of permits is stored",
    });
  }

  /** Resolves with the number before. */
  async resize(permits: number, options: CallOptions | undefined): Promise<number | undefined> {
    checkPermits("semaphore.resize", this.permits, permits);
    let before: number | undefined;
    const change = (now: { readonly value: number } | undefined): number => {
      before = now?.value;
      return permits;
    };
    await this.#client.update(this.permits, change, { ...options, codec: CODEC, create: { parents: true } });
    this.#isAgreed = true;
    return before;
  }
}
