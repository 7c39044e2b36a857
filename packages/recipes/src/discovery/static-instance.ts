/**
 * An instance that stays when whoever wrote it goes: a persistent znode. Nothing watches it, and nothing puts it back; to provide the
 * same one again is no conflict.
 */
import {
  type CallOptions,
  type Client,
  type Codec,
  type CorralError,
  type Deadline,
  type Guard,
  isCorralError,
  type StreamReader,
} from "@corral/client";
import type { Released } from "../hold/held.ts";
import { Newest } from "../wait/newest.ts";
import { closed, deletedByOther, isEndOfSession, takenBy } from "../registration/endings.ts";
import { createAt, replace, type Site, untilGone } from "../registration/taking.ts";
import { encoded } from "../registration/value.ts";
import type { Registration, RegistrationState, RegistrationStatus } from "../registration.ts";

/** Resolves with the czxid when it is there. With outcome `unknown` it may be there; the same call again finds out. */
export async function putStatic(
  client: Client,
  site: Site,
  data: Uint8Array | null,
  deadline: Deadline,
): Promise<number> {
  for (;;) {
    try {
      const czxid = await putOnce(client, site, data, deadline);
      if (czxid !== undefined) return czxid;
    } catch (error) {
      // In the next session it is found, or made.
      if (!isCorralError(error) || !isEndOfSession(error)) throw error;
    }
  }
}

/** Undefined if it has changed meanwhile. */
async function putOnce(
  client: Client,
  site: Site,
  data: Uint8Array | null,
  deadline: Deadline,
): Promise<number | undefined> {
  const { path, onConflict } = site;
  const rest = (): CallOptions => deadline.rest();
  try {
    return (await createAt(client, site, data, rest)).stat.czxid;
  } catch (error) {
    if (!isCorralError(error, "NODE_EXISTS")) throw error;
  }
  const other = await client.find(path, rest());
  if (other === undefined) return undefined;
  const { stat, value } = other;
  if (stat.ephemeralOwner === 0 && areEqual(value, data)) return stat.czxid;
  if (onConflict === "take-over") return (await replace(client, site, data, stat, rest))?.stat.czxid;
  if (onConflict === "error") throw takenBy(path, stat);
  const given = new AbortController();
  try {
    await deadline.race(untilGone(client, path, given.signal));
  } finally {
    given.abort();
  }
  return undefined;
}

function areEqual(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

export class StaticInstance<T> implements Registration<T> {
  readonly path: string;
  readonly guard: Guard & { readonly czxid: number };
  readonly #client: Client;
  readonly #codec: Codec<T>;
  readonly #over = new AbortController();
  readonly #states = new Newest<RegistrationStatus>();
  #state: RegistrationState = "registered";
  #cause: CorralError | undefined;

  constructor(client: Client, path: string, czxid: number, codec: Codec<T>) {
    this.path = path;
    this.guard = { path, czxid };
    this.#client = client;
    this.#codec = codec;
    this.#states.tell({ state: "registered", epoch: czxid, cause: undefined });
  }

  get epoch(): number | undefined {
    return this.isValid ? this.guard.czxid : undefined;
  }

  get state(): RegistrationState {
    return this.#state;
  }

  get cause(): CorralError | undefined {
    return this.#cause;
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** As far as is known here. */
  get isValid(): boolean {
    return this.#state === "registered";
  }

  get validForMs(): number {
    return this.isValid ? Infinity : 0;
  }

  states(signal?: AbortSignal): StreamReader<RegistrationStatus> {
    return this.#states.read(signal);
  }

  async update(value: T, options?: CallOptions): Promise<void> {
    const { path, czxid } = this.guard;
    this.signal.throwIfAborted();
    const data = encoded(this.#codec, value, path, "registration.update");
    try {
      await this.#client.set(path, data, { ...options, ifMatch: { czxid } });
    } catch (error) {
      if (!isCorralError(error, "NO_NODE", "GUARD_FAILED")) throw error;
      const cause = deletedByOther(path);
      this.#end("conflict", cause);
      throw cause;
    }
  }

  async unregister(options?: CallOptions): Promise<Released> {
    const { path, czxid } = this.guard;
    try {
      const count = await this.#client.delete(path, { ...options, ifMatch: { czxid }, missing: "ok" });
      this.#close();
      return count > 0 ? "released" : "was-gone";
    } catch (error) {
      if (!isCorralError(error, "GUARD_FAILED")) throw error;
      this.#close();
      return "was-gone";
    }
  }

  /** The znode stays. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#close();
    return Promise.resolve();
  }

  #close(): void {
    this.#end("closed", closed(this.path, "it was unregistered, or let go of", undefined));
  }

  #end(state: RegistrationState, cause: CorralError): void {
    if (this.signal.aborted) return;
    this.#state = state;
    this.#cause = cause;
    this.#states.tell({ state, epoch: undefined, cause });
    this.#states.end();
    this.#over.abort(cause);
  }
}
