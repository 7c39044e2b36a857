/**
 * An owner of a log whose state is the list of everything it was handed.
 *
 * Owns that list and its snapshots, and notes each call of the log that breaks its contract. Never judges a state.
 */
import type { CommittedBatch, Log, LogError, LogListener, RecoveryListener, SnapshotSource } from "@corral/log";
import { type Entry, entryOf, lastZxid, told } from "./entry.ts";
import { drained, within } from "./world.ts";

/** Rounds of waiting for acknowledgements before the log counts as one that hangs. */
const ROUNDS_MAX = 100;

export interface SaveOptions {
  /** Of each piece it is written in. */
  readonly pieceBytes?: number;
  /** Runs after each piece. */
  readonly between?: () => Promise<void>;
  /** Cut after the first entry of the last batch, which must have more than one. */
  readonly isWithinBatch?: boolean;
}

export class Owner implements RecoveryListener, LogListener {
  readonly log: Log;
  state: Entry[] = [];
  snapshotZxid: number | undefined;
  /** Batches committed in this life. */
  acked = 0;
  failure: LogError | undefined;
  readonly spaces: ("ok" | "low")[] = [];
  /** Calls that the contract of the log forbids. */
  readonly wrong: string[] = [];
  #lastSeq: number | undefined;

  constructor(log: Log) {
    this.log = log;
  }

  /** Recovers; opens too, unless told not to. */
  async start(open = true): Promise<void> {
    const recovered = await within(this.log.recover(this), "recover");
    if (recovered.lastZxid !== lastZxid(this.state))
      this.wrong.push(
        `recover: says that it ends at zxid ${recovered.lastZxid}, but handed over up to ${lastZxid(this.state)}`,
      );
    if (open) await within(this.log.open(this), "open");
  }

  async snapshot(source: SnapshotSource): Promise<void> {
    const pieces: Uint8Array[] = [];
    for await (const chunk of source.chunks) pieces.push(Buffer.from(chunk));
    this.state = JSON.parse(Buffer.concat(pieces).toString()) as Entry[];
    this.snapshotZxid = source.zxid;
    // Cut within a batch, it is without that batch, which then follows whole.
    if (lastZxid(this.state) > source.zxid)
      this.wrong.push(`snapshot: offered as of zxid ${source.zxid}, holds ${lastZxid(this.state)}`);
  }

  batch(batch: CommittedBatch): void {
    this.#take(batch);
  }

  committed(batch: CommittedBatch): void {
    if (this.failure !== undefined) this.wrong.push(`committed: ${told(entryOf(batch))} after the log had failed`);
    this.acked += 1;
    this.#take(batch);
  }

  failed(error: LogError): void {
    if (this.failure !== undefined) this.wrong.push(`failed: a second time, with ${error.message}`);
    this.failure = error;
  }

  space(state: "ok" | "low"): void {
    this.spaces.push(state);
  }

  /** Resolves when so many batches were committed in this life; throws what the log failed with. */
  async settled(acked: number): Promise<void> {
    for (let round = 0; this.acked < acked; round += 1) {
      if (this.failure !== undefined) throw this.failure;
      if (round === ROUNDS_MAX) throw new Error(`the log hangs: ${this.acked} of ${acked} batches were committed`);
      await drained();
    }
  }

  /** A snapshot of the present state. */
  async save({ pieceBytes = 1 << 20, between, isWithinBatch = false }: SaveOptions = {}): Promise<void> {
    const state = isWithinBatch ? this.state.slice(0, -1) : this.state;
    const bytes = Buffer.from(JSON.stringify(state));
    const writer = await this.log.createSnapshot(isWithinBatch ? this.state.at(-1)!.firstZxid : lastZxid(state));
    for (let from = 0; from < bytes.length; from += pieceBytes) {
      await writer.write(bytes.subarray(from, from + pieceBytes));
      await between?.();
    }
    await writer.finish();
  }

  #take(batch: CommittedBatch): void {
    if (this.#lastSeq !== undefined && batch.seq !== this.#lastSeq + 1)
      this.wrong.push(`seq: record ${batch.seq} was handed over after record ${this.#lastSeq}`);
    this.#lastSeq = batch.seq;
    this.state.push(entryOf(batch));
  }
}
