/**
 * Where a workload plays: one disk, the lives of a log on it, and what is known of them.
 *
 * Owns the recording of the disk before each operation that changes it, and once at the end: the disk between two operations
 * is the same for a crash just after the one and just before the other. A recovery within a workload is judged like any other.
 */
import type { FileLogLimits, LogWarning } from "@corral/log";
import type { DiskOperation, Fate, MemoryDisk, Unsynced } from "@corral/log/testing";
import type { Entry, ProposalOptions } from "../entry.ts";
import type { Known } from "../judge.ts";
import { Ledger } from "../ledger.ts";
import { Owner } from "../owner.ts";
import { drained, type WrapDisk, World } from "../world.ts";

/** The disk at one moment, and what was known then. */
export interface Moment {
  /** Number of the next operation, of all in the workload. */
  readonly operation: number;
  /** What that operation is: `write log-…`. */
  readonly next: string;
  readonly disk: MemoryDisk;
  readonly known: Known;
}

/** Rounds of waiting for an operation of the disk. */
const ROUNDS_MAX = 100;

/** Says what an operation fails with, if it does. */
export type Fault = (operation: DiskOperation, name: string) => Error | undefined;

export interface CrashPoint {
  readonly operation: DiskOperation;
  /** How the file's name begins. */
  readonly file: string;
  /** The so-manieth of these operations; 1 is the next. */
  readonly nth?: number;
}

/** A workload whose own recovery came out wrong: no crash of the matrix is needed to see it. */
class WorkloadFailed extends Error {
  override readonly name = "WorkloadFailed";
}

export class Stage {
  readonly world: World;
  readonly moments: Moment[] = [];
  readonly warnings: LogWarning[] = [];
  /** From the disk's next operation on. */
  fault: Fault = () => undefined;
  #ledger = new Ledger();
  #owner: Owner | undefined;

  constructor(limits: FileLogLimits, wrapDisk?: WrapDisk) {
    this.world = new World(limits, wrapDisk);
    this.world.disk.before = (operation, name, number) => {
      // A reading changes nothing.
      if (operation !== "read") this.#record(number, `${operation} ${name}`.trim());
      const error = this.fault(operation, name);
      if (error !== undefined) throw error;
    };
  }

  get disk(): MemoryDisk {
    return this.world.disk;
  }

  get owner(): Owner {
    if (this.#owner === undefined) throw new Error("no log is open");
    return this.#owner;
  }

  /** A new life of the log: it recovers, is judged, and serves. */
  async start(): Promise<Owner> {
    const owner = new Owner(this.world.log({ warn: (warning) => void this.warnings.push(warning) }));
    await owner.start();
    const wrong = this.#ledger.serves(owner);
    if (wrong.length > 0) throw new WorkloadFailed(wrong.join("; "));
    this.#owner = owner;
    await drained();
    return owner;
  }

  propose(size: number, options?: ProposalOptions): void {
    this.#ledger.propose(this.owner.log, size, options);
  }

  /** One batch, acknowledged. */
  async write(size: number, options?: ProposalOptions): Promise<void> {
    const { acked } = this.owner;
    this.propose(size, options);
    await this.owner.settled(acked + 1);
  }

  /** So many batches at once, acknowledged. */
  async burst(sizes: readonly number[]): Promise<void> {
    const { acked } = this.owner;
    for (const size of sizes) this.propose(size);
    await this.owner.settled(acked + sizes.length);
  }

  async pass(milliseconds: number): Promise<void> {
    this.world.time.advance(milliseconds);
    await drained();
  }

  /** A clean stop. */
  async close(): Promise<void> {
    await this.owner.log.close();
    await drained();
    this.#end();
  }

  /** kill -9: the machine goes on. */
  async kill(): Promise<void> {
    this.disk.kill();
    await drained();
    this.#end();
  }

  /** Power fails, and of what is unsynced there survives what `decide` says. */
  async crash(decide: (change: Unsynced) => Fate): Promise<void> {
    this.disk.crashWith(decide);
    await drained();
    this.#end();
  }

  /** Power fails while `work` is under way; of what is unsynced then there survives what `decide` says. */
  async crashBefore(at: CrashPoint, decide: (change: Unsynced) => Fate, work: () => void): Promise<void> {
    let left = at.nth ?? 1;
    this.fault = (operation, name) => {
      if (operation !== at.operation || !name.startsWith(at.file)) return undefined;
      left -= 1;
      if (left === 0) this.disk.crashWith(decide);
      return undefined;
    };
    work();
    for (let round = 0; left > 0; round += 1) {
      if (round === ROUNDS_MAX) throw new WorkloadFailed(`no ${at.operation} of ${at.file} came`);
      await drained();
    }
    await drained();
    this.fault = () => undefined;
    this.#end();
  }

  /** `make` turns the empty disk into a log that holds exactly these. */
  async restore(entries: readonly Entry[], make: () => Promise<void>): Promise<void> {
    this.#ledger.restoring(entries);
    await make();
    this.#ledger.restored(entries);
  }

  /** The end of the workload is a moment too. */
  finish(): void {
    this.#record(this.disk.operations + 1, "the end");
  }

  #end(): void {
    if (this.owner.wrong.length > 0) throw new WorkloadFailed(this.owner.wrong.join("; "));
    this.#ledger.ended();
    this.#owner = undefined;
  }

  #record(operation: number, next: string): void {
    this.moments.push({ operation, next, disk: this.disk.fork(), known: this.#ledger.known });
  }
}
