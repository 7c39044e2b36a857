/**
 * One replica of a partition: its log, and what it is now: leader, follower, or neither.
 *
 * All that touches the log stands between two awaits, after a look at whether the part is still this replica's. Owns no decision about who
 * leads: that is told to it.
 */
import type { EpochEnd, Following, Leading, PartitionId } from "@corral/broker-agent";
import type { PartitionLog } from "../log/partition-log.ts";
import { BrokerError } from "../wire/errors.ts";
import type {
  EpochEndRequest,
  Fetched,
  FetchRequest,
  LogBounds,
  Produced,
  ProduceRequest,
  ReplicateRequest,
} from "../wire/messages.ts";
import { follow, type FollowerWorld } from "./follow.ts";
import { Notice } from "../notice.ts";

export class Replica {
  readonly id: PartitionId;
  readonly log: PartitionLog;
  /** Woken by whatever somebody may wait for: records, the high watermark, another part. */
  readonly #notice = new Notice();
  readonly #onFailed: (error: unknown) => void;
  #leading: Leading | undefined;
  /** Ends the part that this replica has now. */
  #part = new AbortController();

  /** `onFailed`: the disk does not do what it should; this replica is of no use any more. */
  constructor(id: PartitionId, log: PartitionLog, onFailed: (error: unknown) => void) {
    this.id = id;
    this.log = log;
    this.#onFailed = onFailed;
  }

  get leading(): Leading | undefined {
    return this.#leading?.signal.aborted === false ? this.#leading : undefined;
  }

  lead(part: Leading): void {
    this.#endPart();
    this.#leading = part;
    part.signal.addEventListener("abort", () => {
      this.#notice.wake();
    });
    part.onHighWatermark((offset) => {
      this.log.raiseHighWatermark(offset);
      this.#notice.wake();
    });
    this.#guarded(async () => {
      this.log.startEpoch(part.leaderEpoch);
      await this.#appended(part);
      // What the log of an unclean leader has is what there is from now on.
      if (part.state.recovering && !part.signal.aborted) await part.recovered();
    }, part.signal);
  }

  follow(part: Following, world: FollowerWorld): void {
    this.#endPart();
    const signal = AbortSignal.any([part.signal, this.#part.signal]);
    this.#guarded(() => follow(part, this.log, world, signal), signal);
  }

  /** Neither leads nor follows from now on. */
  rest(): void {
    this.#endPart();
  }

  /** Saves what a restart should know of what is committed. */
  checkpoint(): void {
    try {
      this.log.saveHighWatermark();
    } catch (error) {
      this.#onFailed(error);
    }
  }

  async produce(request: ProduceRequest, wallMs: number): Promise<Produced> {
    const part = this.#leaderNow();
    const { producerId, sequence, records, acks } = request;
    const verdict = this.log.judge(producerId, sequence, records.length);
    if (verdict.kind === "out-of-order") {
      throw new BrokerError("OUT_OF_ORDER_SEQUENCE", `sequence ${sequence} instead of ${verdict.expected}`);
    }
    let { baseOffset, endOffset } = verdict.kind === "duplicate" ? verdict : { baseOffset: 0, endOffset: 0 };
    if (verdict.kind === "new") {
      if (acks === "all" && part.canAppend !== true) throw new BrokerError(part.canAppend, "nothing was appended");
      baseOffset = this.#append(part, request, wallMs);
      endOffset = baseOffset + records.length;
    }
    await this.#appended(part);
    if (acks === "all") await this.#committed(part, endOffset, request.timeoutMs);
    return { baseOffset, leaderEpoch: part.leaderEpoch };
  }

  /** For consumers: what is committed, and nothing else. */
  async fetch(request: FetchRequest, gone: AbortSignal): Promise<Fetched> {
    const part = this.#leaderNow();
    const { offset } = request;
    if (offset > this.log.endOffset) {
      throw new BrokerError("OFFSET_OUT_OF_RANGE", `${offset} is after the end, ${this.log.endOffset}`);
    }
    await this.#notice.until(() => this.log.highWatermark > offset, request.maxWaitMs, part.signal, gone);
    this.#check(part);
    const below = this.log.highWatermark;
    return { batches: this.log.read(offset, below, request.maxBytes), highWatermark: below };
  }

  bounds(): LogBounds {
    this.#leaderNow();
    return { earliest: 0, latest: this.log.highWatermark };
  }

  /** For followers: everything there is. Asking from an offset on says that all before it is there. */
  async replicate(request: ReplicateRequest, gone: AbortSignal): Promise<Fetched> {
    const part = this.#leaderOf(request.leaderEpoch);
    const { replica, offset, brokerEpoch } = request;
    if (!part.state.replicas.includes(replica)) {
      throw new BrokerError("UNKNOWN_TOPIC_OR_PARTITION", `broker ${replica} is no replica of it`);
    }
    if (offset > this.log.endOffset) {
      throw new BrokerError("OFFSET_OUT_OF_RANGE", `${offset} is after the end, ${this.log.endOffset}`);
    }
    // A follower may be ahead of the leader's own disk; it counts only with it.
    await this.#appended(part);
    this.#check(part);
    part.fetched(replica, offset, brokerEpoch);
    await this.#notice.until(() => this.log.endOffset > offset, request.maxWaitMs, part.signal, gone);
    this.#check(part);
    return {
      batches: this.log.read(offset, this.log.endOffset, request.maxBytes),
      highWatermark: this.log.highWatermark,
    };
  }

  epochEnd(request: EpochEndRequest): EpochEnd | null {
    this.#leaderOf(request.leaderEpoch);
    return this.log.endOf(request.epoch) ?? null;
  }

  #append(part: Leading, { producerId, sequence, records }: ProduceRequest, wallMs: number): number {
    let batch;
    try {
      batch = this.log.append({ leaderEpoch: part.leaderEpoch, producerId, sequence, timeMs: wallMs }, records);
    } catch (error) {
      if (error instanceof RangeError) throw new BrokerError("MESSAGE_TOO_LARGE", error.message);
      this.#onFailed(error);
      throw error;
    }
    if (batch === undefined) throw new BrokerError("LOG_FULL", "the partition takes no more records");
    this.#notice.wake();
    return batch.baseOffset;
  }

  /** The leader itself counts as having something when it is where the policy wants it. */
  async #appended(part: Leading): Promise<void> {
    try {
      await this.log.flush();
    } catch (error) {
      this.#onFailed(error);
      throw error;
    }
    if (!part.signal.aborted) part.appended(this.log.durableEnd);
  }

  async #committed(part: Leading, endOffset: number, timeoutMs: number): Promise<void> {
    const timeout = AbortSignal.timeout(timeoutMs);
    let outcome;
    try {
      outcome = await part.committed(endOffset, timeout);
    } catch (error) {
      if (!timeout.aborted) throw error;
      throw new BrokerError("REQUEST_TIMED_OUT", `not committed within ${timeoutMs} ms`);
    }
    if (outcome !== "committed") throw new BrokerError(outcome, "appended, and perhaps not committed");
  }

  /** NOT_LEADER unless it certainly leads, now. */
  #leaderNow(): Leading {
    const part = this.leading;
    if (part === undefined || !part.isValid) throw notLeader(this.id);
    return part;
  }

  /** For those who follow: fenced by the epoch they know. */
  #leaderOf(epoch: number): Leading {
    const part = this.leading;
    if (part === undefined) throw notLeader(this.id);
    const own = part.leaderEpoch;
    if (epoch < own) throw new BrokerError("FENCED_LEADER_EPOCH", `epoch ${epoch} is over, this is ${own}`);
    if (epoch > own) throw new BrokerError("UNKNOWN_LEADER_EPOCH", `epoch ${epoch}, and here it is still ${own}`);
    return part;
  }

  #check(part: Leading): void {
    if (this.leading !== part) throw notLeader(this.id);
  }

  #endPart(): void {
    this.#leading = undefined;
    this.#part.abort();
    this.#part = new AbortController();
    this.#notice.wake();
  }

  /** Runs a part: what it fails by, while it lasts, is the disk's. */
  #guarded(run: () => Promise<void>, ...over: readonly AbortSignal[]): void {
    const signals = [...over, this.#part.signal];
    run().catch((error: unknown) => {
      if (!signals.some((signal) => signal.aborted)) this.#onFailed(error);
    });
  }
}

export function notLeader(id: { readonly topic: string; readonly partition: number }): BrokerError {
  return new BrokerError("NOT_LEADER", `of ${id.topic}/${id.partition}`);
}
