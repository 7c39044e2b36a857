/**
 * What a registration is to say: the newest value given, the last one that the server took, and who waits for his to be there.
 * Bytes, so that what a program does to its object afterwards changes nothing.
 */
import { type Client, type Codec, CorralError, type Deadline, isCorralError } from "@corral/client";
import { isEndOfSession } from "./endings.ts";

/** A value, and how many were given before it. */
export interface Given {
  readonly data: Uint8Array | null;
  readonly revision: number;
}

interface Waiter {
  readonly revision: number;
  readonly resolve: () => void;
  readonly reject: (error: CorralError) => void;
}

export class Value {
  #revision = 0;
  #newest: Given;
  #taken: Given | undefined;
  readonly #waiters = new Set<Waiter>();

  constructor(data: Uint8Array | null) {
    this.#newest = { data, revision: 0 };
  }

  get newest(): Given {
    return this.#newest;
  }

  give(data: Uint8Array | null): Given {
    this.#newest = { data, revision: ++this.#revision };
    return this.#newest;
  }

  /** Into this life of the znode. Rejects where the value is refused, or the time is over. */
  async write(
    client: Client,
    { path, czxid }: { readonly path: string; readonly czxid: number },
    given: Given,
    deadline: Deadline,
  ): Promise<"taken" | "deleted" | "session over"> {
    try {
      await client.set(path, given.data, { ...deadline.rest(), ifMatch: { czxid } });
      this.took(given);
      return "taken";
    } catch (error) {
      if (!isCorralError(error)) throw error;
      if (isEndOfSession(error)) return "session over";
      if (error.code === "GUARD_FAILED" || error.code === "NO_NODE") return "deleted";
      if (error.outcome === "no") this.refused(given, error);
      throw error;
    }
  }

  /** The server has it. */
  took(given: Given): void {
    if (this.#taken === undefined || this.#taken.revision < given.revision) this.#taken = given;
    for (const { revision, resolve } of this.#waiters) if (revision <= given.revision) resolve();
  }

  /** The server does not want it: what it took before is what the next life begins with, unless there is a newer one. */
  refused(given: Given, error: CorralError): void {
    if (this.#newest === given && this.#taken !== undefined) this.#newest = this.#taken;
    for (const { revision, reject } of this.#waiters) if (revision <= given.revision) reject(error);
  }

  /** Nothing is said any more. */
  end(error: CorralError): void {
    for (const { reject } of this.#waiters) reject(error);
  }

  /** Resolves when the server takes this value, or a newer one. */
  async whenTaken(revision: number, deadline: Deadline): Promise<void> {
    let waiter: Waiter | undefined;
    const taken = new Promise<void>((resolve, reject) => {
      waiter = { revision, resolve, reject };
      this.#waiters.add(waiter);
    });
    try {
      await deadline.race(taken);
    } finally {
      if (waiter !== undefined) this.#waiters.delete(waiter);
    }
  }
}

/** Throws `CODEC` where the codec refuses the value. */
export function encoded<T>(codec: Codec<T>, value: T, path: string, op: string): Uint8Array | null {
  try {
    const data = codec.encode(value);
    return data === null ? null : Uint8Array.from(data);
  } catch (error) {
    if (isCorralError(error)) throw error;
    const means = "the value could not be encoded";
    throw new CorralError("CODEC", { op, detail: { path, name: codec.name }, cause: error, means });
  }
}
