/**
 * Writing the changes of in-sync replicas of everything that one life of a broker leads: all that wait go together, up to ISR_CHANGES_MAX in one
 * transaction, one transaction at a time. So when a broker dies that follows thousands of partitions, their leaders write some dozens of times.
 *
 * Each is guarded by this life, and by what must hold of those in its set. One transaction has the guards of all that it writes: if one fails, those
 * that want it are refused, and the others are written without them. Beyond that each succeeds or is refused by its own version. Never decides
 * about sets.
 */
import { type Client, type CorralError, type Guard, isCorralError, op } from "@corral/client";
import { pause } from "@corral/recipes/authoring";
import type { PartitionState } from "../partition/state.ts";
import { partitionCodec } from "../records.ts";
import type { Life } from "./life.ts";
import { ISR_CHANGES_MAX } from "./limits.ts";

/** What became of a change. */
export type IsrOutcome =
  | { readonly kind: "written"; readonly version: number; readonly mzxid: number }
  /** Somebody else wrote, and the image will say what. Or nobody can know: this life is over. */
  | { readonly kind: "overtaken" }
  /** Somebody in the set has changed, or is gone. Nothing was written. */
  | { readonly kind: "ineligible" }
  /** It could not be tried. Nothing was written. */
  | { readonly kind: "later" };

export interface IsrChange {
  readonly path: string;
  /** What it is conditional on. */
  readonly version: number;
  readonly state: PartitionState;
  /** Of the brokers of all in the set but the leader. */
  readonly guards: readonly Guard[];
  readonly settle: (outcome: IsrOutcome) => void;
}

export interface IsrTrouble {
  /** The server says that this life is over. */
  readonly over: (why: CorralError) => void;
  /** Something cannot be written, and will be tried again. */
  readonly failed: (error: CorralError) => void;
}

export class IsrChanges {
  readonly #client: Client;
  readonly #life: Life;
  readonly #tell: IsrTrouble;
  /** In the order of asking; few of each partition, as its leader has one under way at a time. */
  #waiting: IsrChange[] = [];
  #isRunning = false;
  /** In a row. */
  #failures = 0;

  constructor(client: Client, life: Life, tell: IsrTrouble) {
    this.#client = client;
    this.#life = life;
    this.#tell = tell;
  }

  add(change: IsrChange): void {
    this.#waiting.push(change);
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    // What follows from one fetch, or one look at all, is asked for in one turn.
    await Promise.resolve();
    while (this.#waiting.length > 0 && !this.#life.signal.aborted) {
      const changes = this.#waiting.splice(0, ISR_CHANGES_MAX);
      this.#failures = (await this.#write(changes)) ? 0 : this.#failures + 1;
      if (this.#failures > 0 && !(await this.#pause(this.#failures))) break;
    }
    this.#isRunning = false;
  }

  /** False: it could not be tried. */
  async #write(changes: readonly IsrChange[]): Promise<boolean> {
    const guard = new Map(
      [this.#life.guard, ...changes.flatMap(({ guards }) => guards)].map((one) => [keyOf(one), one]),
    );
    const sets = changes.map(({ path, state, version }) =>
      op.set(path, state, { codec: partitionCodec, ifMatch: { version } }),
    );
    try {
      const results = await this.#client.multiEach(sets, { guard: [...guard.values()], timeoutMs: Infinity });
      for (const [at, result] of results.entries()) {
        const { settle } = changes[at] as IsrChange;
        if (result.ok) settle({ kind: "written", version: result.value.version, mzxid: result.value.mzxid });
        else settle({ kind: isOvertaken(result.error) ? "overtaken" : "later" });
      }
      const refused = results.find((result) => !result.ok && !isOvertaken(result.error));
      if (refused?.ok === false) this.#tell.failed(refused.error);
      return refused === undefined;
    } catch (error) {
      if (!isCorralError(error)) throw error;
      return this.#refused(changes, [...guard.keys()], error);
    }
  }

  /** `guards`: what they are called, in the order of the transaction; this life's is the first. */
  #refused(changes: readonly IsrChange[], guards: readonly string[], error: CorralError): boolean {
    const { code, index, outcome } = error;
    if (code === "GUARD_FAILED" && index !== 0) {
      const failed = index === undefined ? undefined : guards[index];
      const isRefused = (change: IsrChange): boolean =>
        failed === undefined || change.guards.some((one) => keyOf(one) === failed);
      this.#waiting.unshift(...changes.filter((change) => !isRefused(change)));
      for (const change of changes) if (isRefused(change)) change.settle({ kind: "ineligible" });
      return true;
    }
    const settle = (kind: "overtaken" | "later"): void => {
      for (const change of changes) change.settle({ kind });
    };
    // Of what was asked last in a session, or with its guard, nobody knows or need know: it leads no more.
    if (code === "GUARD_FAILED" || code === "SESSION_EXPIRED" || outcome === "unknown") {
      settle("overtaken");
      this.#tell.over(error);
      return true;
    }
    settle("later");
    this.#tell.failed(error);
    return false;
  }

  /** False: this life is over. */
  async #pause(failures: number): Promise<boolean> {
    const { signal } = this.#life;
    try {
      await pause(this.#client, this.#client.deadline("isr", { signal, timeoutMs: Infinity }), failures);
      return true;
    } catch (error) {
      if (!isCorralError(error, "ABORTED")) throw error;
      return false;
    }
  }
}

function keyOf(guard: Guard): string {
  return JSON.stringify(guard);
}

function isOvertaken(error: CorralError): boolean {
  return isCorralError(error, "BAD_VERSION", "NO_NODE");
}
