/**
 * The log of a single daemon, in one directory.
 *
 * Owns the order of the steps from a locked directory to a served log, and its state. The steps themselves stand beside:
 * survey, recover (the decision), repair, replay, appender, segment-supply, snapshot-store.
 */

import {
  type Batch,
  type Log,
  LogError,
  type LogListener,
  type Recovered,
  type RecoveryListener,
  type SnapshotWriter,
} from "../log.ts";
import { Appender, MAX_EPOCH } from "./appender.ts";
import type { Disk } from "./disk.ts";
import { createFilled } from "./fill.ts";
import { FRAME_BYTES, frameExtent } from "./frame.ts";
import { defaultLimits, type FileLogLimits } from "./limits.ts";
import type { DirectoryLock } from "./lock.ts";
import { LOG_START, RECORD_HEADER_BYTES } from "./record.ts";
import { decide, type Trust } from "./recover.ts";
import { repair } from "./repair.ts";
import { replay, type SnapshotChoice } from "./replay.ts";
import { encodeSegmentHeader, SECRET_BYTES, SEGMENT_HEADER_BYTES, segmentName } from "./segment.ts";
import { RESERVE_NAME, SegmentSupply } from "./segment-supply.ts";
import { SnapshotStore } from "./snapshot-store.ts";
import { surveyDirectory } from "./survey.ts";
import type { Timers } from "./timers.ts";
import type { LogWarning } from "./warning.ts";

/** The world as the file log sees it. */
export interface FileLogWorld {
  readonly disk: Disk;
  readonly lock: DirectoryLock;
  readonly timers: Timers;
  /** So many random bytes, for the cluster id and the directory's secret. */
  readonly random: (length: number) => Uint8Array;
}

export interface FileLogOptions {
  readonly limits?: Partial<FileLogLimits> | undefined;
  /** Told what was met and survived. Must not throw. */
  readonly warn?: ((warning: LogWarning) => void) | undefined;
  /** Only `recover` may be called: takes no lock, changes nothing, and may be used beside a running daemon. */
  readonly readOnly?: boolean | undefined;
  /** Which snapshot to begin with; other than `newest` only with `readOnly`. */
  readonly snapshot?: SnapshotChoice | undefined;
}

type State =
  | { readonly name: "new" }
  | { readonly name: "recovered"; readonly trust: Trust }
  | { readonly name: "open"; readonly appender: Appender; readonly supply: SegmentSupply }
  | { readonly name: "closed" };

export class FileLog implements Log {
  readonly exclusive = true;
  readonly #world: FileLogWorld;
  readonly #limits: FileLogLimits;
  readonly #warn: (warning: LogWarning) => void;
  readonly #readOnly: boolean;
  readonly #choice: SnapshotChoice;
  readonly #snapshots: SnapshotStore;
  #state: State = { name: "new" };
  #clusterId: string | undefined;
  #unlock: (() => Promise<void>) | undefined;

  constructor(world: FileLogWorld, options: FileLogOptions = {}) {
    this.#world = world;
    const limits = { ...defaultLimits, ...options.limits };
    this.#limits = limits;
    this.#warn = options.warn ?? (() => {});
    this.#readOnly = options.readOnly ?? false;
    this.#choice = options.snapshot ?? "newest";
    this.#snapshots = new SnapshotStore(world.disk, limits, this.#warn);
    if (this.#choice !== "newest" && !this.#readOnly)
      throw new RangeError(`snapshot: "${this.#choice}" is for a log that is only read`);
    const least = SEGMENT_HEADER_BYTES + frameExtent(RECORD_HEADER_BYTES + limits.maxRecordBytes) + FRAME_BYTES;
    if (limits.segmentBytes < least || limits.segmentBytes % 8 !== 0)
      throw new RangeError(
        `segmentBytes is ${limits.segmentBytes}; a multiple of 8 of at least ${least} is needed for maxRecordBytes ${limits.maxRecordBytes}`,
      );
    if (limits.snapshotsKept < 1) throw new RangeError("snapshotsKept is less than 1");
  }

  get clusterId(): string {
    if (this.#clusterId === undefined) throw new Error("the cluster id is known after recover");
    return this.#clusterId;
  }

  async recover(listener: RecoveryListener): Promise<Recovered> {
    if (this.#state.name !== "new") throw new Error(`recover: the log is ${this.#state.name}`);
    const { disk, lock } = this.#world;
    try {
      if (!this.#readOnly) {
        await disk.createDirectory();
        this.#unlock = await lock.acquire();
      }
      const trust = await this.#trusted();
      const { readAheadBytes } = this.#limits;
      const recovered = await replay(disk, trust, this.#choice, listener, this.#snapshots, this.#warn, readAheadBytes);
      this.#clusterId = trust.clusterId;
      this.#state = { name: "recovered", trust };
      return recovered;
    } catch (error) {
      await this.close();
      throw isOfTheSystem(error)
        ? new LogError("IO_FAILED", `recovery in ${disk.place} failed: ${String(error)}`, { cause: error })
        : error;
    }
  }

  async open(listener: LogListener): Promise<void> {
    const state = this.#state;
    if (state.name !== "recovered" || this.#readOnly)
      throw new Error(`open: the log is ${this.#readOnly ? "only read" : state.name}`);
    const { trust } = state;
    const { disk, timers } = this.#world;
    const epoch = trust.epoch + 1;
    if (epoch > MAX_EPOCH) throw new LogError("NO_SPACE", `epoch ${trust.epoch} is the last one`);
    let opening = true;
    let failure: LogError | undefined;
    const fail = (error: LogError): void => {
      failure = error;
      if (!opening) listener.failed(error);
    };
    try {
      const names = await disk.list();
      const found = {
        nextNumber: trust.active.number + 1,
        spareSize: trust.spare?.size,
        hasReserve: this.#limits.reserveBytes === 0 || names.includes(RESERVE_NAME),
      };
      const supply = new SegmentSupply(disk, timers, this.#limits, found, this.#warn, (space) => {
        if (failure === undefined) listener.space(space);
      });
      const active = {
        number: trust.active.number,
        size: trust.active.size,
        file: await disk.open(trust.active.name, "durable"),
      };
      const start = {
        clusterId: trust.clusterId,
        secret: trust.secret,
        position: trust.position,
        epoch,
        active,
        offset: trust.active.offset,
      };
      const appender = new Appender(start, this.#limits, supply, timers, (batch) => listener.committed(batch), fail);
      this.#state = { name: "open", appender, supply };
      await appender.begin();
      if (failure !== undefined) throw failure;
      opening = false;
      supply.start();
    } catch (error) {
      await this.close();
      throw !isOfTheSystem(error)
        ? error
        : new LogError("IO_FAILED", `opening ${disk.place} failed: ${String(error)}`, { cause: error });
    }
  }

  propose(batch: Batch): void {
    if (this.#state.name !== "open") throw new Error(`propose: the log is ${this.#state.name}`);
    this.#state.appender.propose(batch);
  }

  async createSnapshot(zxid: number): Promise<SnapshotWriter> {
    if (this.#state.name !== "open") throw new Error(`createSnapshot: the log is ${this.#state.name}`);
    const { delivered } = this.#state.appender;
    if (!(Number.isSafeInteger(zxid) && zxid > 0 && zxid <= delivered.zxid))
      throw new RangeError(`a snapshot at zxid ${zxid}; the last committed one is ${delivered.zxid}`);
    return this.#snapshots.create({ clusterId: this.clusterId, zxid, timeMs: delivered.timeMs });
  }

  async close(): Promise<void> {
    const state = this.#state;
    this.#state = { name: "closed" };
    const unlock = this.#unlock;
    this.#unlock = undefined;
    try {
      await this.#snapshots.close();
      if (state.name === "open") {
        try {
          await state.appender.close();
        } finally {
          await state.supply.close();
        }
      }
    } finally {
      await unlock?.();
    }
  }

  /** Looks, decides, and sets right what may be set right. */
  async #trusted(): Promise<Trust> {
    const { disk, timers } = this.#world;
    const names = await disk.list();
    const survey = await surveyDirectory(disk, names);
    let verdict = decide(survey);
    if (verdict.kind !== "refuse" && !this.#readOnly) {
      // Unfinished: nothing was ever promised about them.
      for (const name of names.filter((each) => each.endsWith(".tmp"))) await disk.remove(name);
    }
    if (verdict.kind === "empty") {
      if (this.#readOnly) throw new LogError("FOREIGN", `there is no log in ${disk.place}`);
      await this.#initialise();
      verdict = decide(await surveyDirectory(disk, await disk.list()));
    }
    if (verdict.kind === "refuse") throw new LogError(verdict.code, `${disk.place}: ${verdict.message}`);
    if (verdict.kind === "empty")
      throw new LogError("IO_FAILED", `${disk.place}: the first segment is gone right after it was made`);
    for (const { name, header } of survey.snapshots)
      if (typeof header === "string") this.#warn({ kind: "snapshot-skipped", file: name, reason: header });
    if (verdict.unusable !== undefined) this.#warn({ kind: "damage-covered", reason: verdict.unusable });
    if (!this.#readOnly) await repair(disk, verdict, timers, this.#limits, this.#warn);
    return verdict;
  }

  /** The first segment gets its name only when it is whole, so that a directory is either empty or a log. */
  async #initialise(): Promise<void> {
    const { disk, random } = this.#world;
    const clusterId = Buffer.from(random(16)).toString("hex");
    const head = encodeSegmentHeader({ clusterId, secret: random(SECRET_BYTES), number: 1, base: LOG_START, epoch: 0 });
    await createFilled(disk, segmentName(1), this.#limits.segmentBytes, head);
  }
}

/** Errors of the disk carry the system's number. What the owner's `batch` throws is its own, and goes to it as it is. */
function isOfTheSystem(error: unknown): boolean {
  return typeof (error as { errno?: unknown } | undefined)?.errno === "number";
}
