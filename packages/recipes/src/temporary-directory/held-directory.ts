/** What is made in a directory that is held, by the guard of what holds it. */
import {
  type AclEntry,
  type CallOptions,
  type Client,
  type Codec,
  CorralError,
  type Created,
  type Deadline,
  type Guard,
  isCorralError,
  op,
  type Operation,
  type ReadOptions,
  type SessionInfo,
  type WriteOptions,
} from "@corral/client";
import { inTime } from "../hold/acquire.ts";
import type { Held, Released } from "../hold/held.ts";
import { Holding } from "../hold/holding.ts";
import { type LetGo, unseen } from "../hold/let-go.ts";
import { DISPOSE_TIMEOUT_MS } from "../hold/limits.ts";
import { remove } from "./removal.ts";

/** The name of what keeps a directory, and of what holds them all in the topmost one. */
export const HOLD = ".hold";

/** A directory that is never empty. */
export function directoryOps(
  path: string,
  data: Uint8Array | null,
): readonly [container: Operation<Created>, hold: Operation<Created>] {
  const hold = op.create(`${path}/${HOLD}`, data, { lifetime: "ephemeral" });
  return [op.create(path, null, { lifetime: "container" }), hold];
}

export interface LeafOptions<T> extends WriteOptions {
  readonly codec?: Codec<T> | undefined;
  readonly sequential?: boolean | undefined;
  /** Directories that are missing are made first. */
  readonly parents?: boolean | undefined;
  readonly acl?: readonly AclEntry[] | undefined;
}

/**
 * Held for as long as it is there; whoever deletes it, or the znode that holds it, takes it away. Its verbs reject with why it is lost once
 * it is, and nothing is made in it then, whatever this process believes.
 */
export interface TemporaryDirectory extends Held {
  /** The directory. */
  readonly path: string;
  /** An ephemeral znode of this session: it can have no children. */
  create<T = Uint8Array | null>(relativePath: string, value?: T | null, options?: LeafOptions<T>): Promise<Created>;
  /** With those above it that are missing. Harmless if it is there; `NODE_EXISTS` if something else is. */
  makeDirectory(relativePath: string, options?: CallOptions): Promise<void>;
  /** The names in it, or in a directory in it: in the order of their creation. */
  list(relativePath?: string, options?: ReadOptions): Promise<string[]>;
  /** Deletes all of it: up to 10,000 znodes in one transaction, more of them piece by piece. */
  release(options?: CallOptions): Promise<Released>;
}

/** Goes with its directory. */
export class DirectoryHold extends Holding {
  end(): void {
    // One whose session is over was not lost by this.
    if (this.lost !== undefined) return;
    const detail = { path: this.path };
    this.lose(new CorralError("CLOSED", { op: "held", detail, outcome: "no", means: "it was released" }));
  }
}

export class HeldDirectory implements TemporaryDirectory {
  readonly path: string;
  readonly #client: Client;
  readonly #session: SessionInfo;
  /** Of the znode in it that holds it. */
  readonly #hold: DirectoryHold;
  #going: Promise<LetGo> | undefined;
  #isTold = false;

  constructor(client: Client, session: SessionInfo, path: string, hold: DirectoryHold) {
    this.#client = client;
    this.#session = session;
    this.path = path;
    this.#hold = hold;
    // Also when somebody else has taken it away: what it holds no more must not stay.
    hold.signal.addEventListener("abort", () => void this.#letGo(), { once: true });
    if (hold.signal.aborted) void this.#letGo();
  }

  async create<T>(relativePath: string, value?: T | null, options: LeafOptions<T> = {}): Promise<Created> {
    const { parents = false, guard = [], codec, sequential, acl } = options;
    const name = "temporaryDirectory.create";
    const path = this.#at(name, relativePath);
    return this.#during(name, options, async (deadline) => {
      if (parents) await this.#makeDirectories(parentOf(path), deadline);
      const guards = [...(Array.isArray(guard) ? (guard as readonly Guard[]) : [guard as Guard]), this.guard];
      const how = { ...deadline.rest(), codec, sequential, acl, lifetime: "ephemeral", guard: guards } as const;
      return this.#client.create(path, value, how);
    });
  }

  async makeDirectory(relativePath: string, options?: CallOptions): Promise<void> {
    const name = "temporaryDirectory.makeDirectory";
    const path = this.#at(name, relativePath);
    return this.#during(name, options, (deadline) => this.#makeDirectories(path, deadline));
  }

  /** The deepest first: mostly it is the only one that is missing. */
  async #makeDirectories(path: string, deadline: Deadline): Promise<void> {
    const missing = path === this.path ? [] : [path];
    while (missing.length > 0) {
      const next = missing.at(-1)!;
      try {
        await this.#makeOne(next, deadline);
        missing.pop();
      } catch (error) {
        // The directory itself cannot be missing: the guard would have failed before.
        if (!isCorralError(error, "NO_NODE")) throw error;
        missing.push(parentOf(next));
      }
    }
  }

  async #makeOne(path: string, deadline: Deadline): Promise<void> {
    try {
      await this.#client.multi(directoryOps(path, null), { ...deadline.rest(), guard: this.guard });
    } catch (error) {
      if (!isCorralError(error, "NODE_EXISTS")) throw error;
      const stat = await this.#client.stat(path, deadline.rest());
      if (stat?.ephemeralOwner !== 0) throw error;
    }
  }

  async list(relativePath = "", options?: ReadOptions): Promise<string[]> {
    const name = "temporaryDirectory.list";
    const path = relativePath === "" ? this.path : this.#at(name, relativePath);
    return this.#during(name, options, async (deadline) => {
      const names = await this.#client.children(path, { ...options, ...deadline.rest() });
      return names.filter((one) => one !== HOLD);
    });
  }

  #at(name: string, relativePath: string): string {
    if (relativePath.split("/").includes(HOLD))
      throw badArgument(name, relativePath, "relativePath", `${HOLD} is taken`);
    return `${this.path}/${relativePath}`;
  }

  /** What goes wrong once it is lost went wrong for that: whatever was made is gone, or never was. */
  async #during<T>(
    name: string,
    options: CallOptions | undefined,
    act: (deadline: Deadline) => Promise<T>,
  ): Promise<T> {
    this.assertValid();
    const deadline = this.#client.deadline(name, options);
    try {
      return await inTime(deadline, act(deadline), this.path);
    } catch (error) {
      throw this.#hold.lost ?? error;
    }
  }

  async release(options?: CallOptions): Promise<Released> {
    const deadline = this.#client.deadline("release", options);
    this.#hold.end();
    const isTold = this.#isTold;
    try {
      const outcome = await deadline.race(this.#letGo());
      this.#isTold = true;
      return isTold ? "was-gone" : outcome;
    } catch (error) {
      if (isCorralError(error, "TIMEOUT", "ABORTED")) return "will-be-released";
      throw error;
    }
  }

  /** Once; what was refused may be tried again. */
  #letGo(): Promise<LetGo> {
    if (this.#going === undefined) {
      this.#going = remove(this.#client, this.#session, this.path);
      unseen(this.#going, () => {
        this.#going = undefined;
      });
    }
    return this.#going;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release({ timeoutMs: DISPOSE_TIMEOUT_MS });
  }

  get token(): number {
    return this.#hold.token;
  }
  get signal(): AbortSignal {
    return this.#hold.signal;
  }
  get isValid(): boolean {
    return this.#hold.isValid;
  }
  get validForMs(): number {
    return this.#hold.validForMs;
  }
  get name(): string {
    return this.#hold.name;
  }
  get guard(): Guard {
    return this.#hold.guard;
  }
  get revokeRequested(): AbortSignal {
    return this.#hold.revokeRequested;
  }
  assertValid(marginMs?: number): void {
    this.#hold.assertValid(marginMs);
  }
  verify(options?: CallOptions): Promise<boolean> {
    return this.#hold.verify(options);
  }
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));

export function badArgument(name: string, path: string, argument: string, means: string): CorralError {
  return new CorralError("BAD_ARGUMENTS", { op: name, detail: { path, name: argument }, means });
}
