/**
 * A consumer: one member of a group, and the handling of what the group gives it.
 *
 * What is promised: one valid committer per partition; every message handled at least once; its effect exactly once where the effect
 * checks the token, or is written with the offset (`commitWith`).
 */
import type { CallOptions, CorralError, Guard, Operation, StreamReader } from "@corral/client";
import type { Assignor } from "./assignor.ts";
import type { TraceEvent } from "./history.ts";
import type { Message, Source, TopicPartition } from "./source.ts";

/** What a handler may know and do of the partition that it works for. */
export interface Claim {
  readonly partition: TopicPartition;
  /** The fencing token: greater than that of every claim of this partition before. A sink must refuse a smaller one than it has seen. */
  readonly token: number;
  /** For the `guard` of writes: they happen only while this claim lasts. */
  readonly guard: Guard;
  /** Is it certainly held, now? Computed from the clocks at each look. */
  readonly isValid: boolean;
  readonly validForMs: number;
  /** Aborted when the claim is lost, with a `CorralError` as the reason: nothing may be done for it any more. */
  readonly signal: AbortSignal;
  /** Aborted when the claim is to be given back: come to an end; commits still count. */
  readonly revoked: AbortSignal;
  /** The offset that the next commit would be above. */
  readonly committed: number;
}

export interface HandlerContext extends Claim {
  /**
   * This message, and all before it that are done, count as handled. Resolves when it is committed: where several are handled at once, when
   * those before it are done. `ABORTED` if one of those was given up, or the position was moved; `LIMIT_EXCEEDED` for metadata beyond 4,096
   * bytes as JSON; else why the claim is over. Not in the modes `at-most-once` and `external`.
   */
  commit(options?: CallOptions & { readonly metadata?: string }): Promise<void>;
  /**
   * Effects in the same tree, in one transaction with the offset after this message: they happen exactly once. Waits until all messages before
   * it are done. Rejects with `GUARD_FAILED` if the claim is another's, or with what the operations are refused for, by their index; then nothing
   * has happened. After `TIMEOUT` and `ABORTED` it goes on by itself, and the next call for this message, by the handler called again, does
   * nothing if it has happened. `BAD_ARGUMENTS` for a message that this call of the handler has committed already.
   */
  commitWith(operations: readonly Operation<unknown>[], options?: CallOptions): Promise<void>;
}

/**
 * - `at-least-once` (default): what has been handled is committed, now and then and when the partition is given back.
 * - `at-most-once`: committed before it is handled.
 * - `manual`: the handler commits.
 * - `external`: offsets are kept by the sink, with the token; `start` says where to begin.
 */
export type Mode = "at-least-once" | "at-most-once" | "manual" | "external";

/** Where to begin when there is no offset, or none that the source has: `none` is an error to `onError`, and the partition waits. */
export type Reset = "earliest" | "latest" | "none" | { readonly atMs: number };

export interface RebalanceListener {
  /** Partitions that are this member's from now on; before the first message. Positions may be moved by `seek`. */
  assigned?(claims: readonly Claim[]): void | Promise<void>;
  /** About to be given back; still owned: the last chance to commit. */
  revoked?(claims: readonly Claim[]): void | Promise<void>;
  /** Gone already: another may have them. Commits fail. */
  lost?(claims: readonly Claim[], why: CorralError): void | Promise<void>;
}

export interface ConsumeOptions<M> extends CallOptions {
  readonly group: string;
  /** Names, or a pattern that topics to come are matched with too. Not with `assign`. */
  readonly topics?: readonly string[] | RegExp | undefined;
  /** These partitions and no group: no membership, no assignor; claims all the same, so it cannot be beside a group's member. Kafka's assign(). */
  readonly assign?: readonly TopicPartition[] | undefined;
  readonly source: Source<M>;
  /** Called for one message after the other of a partition; partitions beside each other. What it throws goes to `onError`. */
  readonly handle: (message: Message<M>, context: HandlerContext) => void | Promise<void>;
  /**
   * After a handler threw: try the message again after a pause (default), go on without it, or stop the consumer.
   */
  readonly onError?:
    | ((
        error: unknown,
        where: { readonly partition: TopicPartition; readonly offset: number | undefined },
      ) => "retry" | "skip" | "stop")
    | undefined;
  /** What went wrong while this member led the group: the source's `topics` threw, an assignor, a duty. It goes on regardless. */
  readonly onLeaderError?: ((error: unknown) => void) | undefined;
  readonly mode?: Mode | undefined;
  /** Messages of one partition that may be handled at once. Default 1: in order. Only the prefix that is done is committed. */
  readonly concurrency?: number | undefined;
  readonly reset?: Reset | undefined;
  /** In mode `external`: where the sink is. */
  readonly start?: ((claim: Claim) => Promise<number | undefined>) | undefined;
  /** Default 5,000 ms. */
  readonly commitIntervalMs?: number | undefined;
  /** Also after so many messages of all partitions. Default 10,000. */
  readonly commitEvery?: number | undefined;
  readonly assignors?: readonly Assignor[] | undefined;
  readonly rebalance?: RebalanceListener | undefined;
  /** A static member (KIP-345): the name of it, which stays over restarts. */
  readonly instance?: string | undefined;
  /** When another process is this instance: `error` (default, `NODE_EXISTS`), or fence it. */
  readonly onInstanceInUse?: "error" | "take-over" | undefined;
  /** How long the target of this static member waits when it left temporarily. Default 5 min. */
  readonly instanceGraceMs?: number | undefined;
  readonly rack?: string | undefined;
  readonly clientId?: string | undefined;
  /** Members at most; the one too many is refused with `LIMIT_EXCEEDED`. Default 1,000. */
  readonly groupMembersMax?: number | undefined;
  /** Time to come to an end with what is to be given back, milliseconds. Default 60,000. */
  readonly rebalanceTimeoutMs?: number | undefined;
  /** A handler that takes longer makes the member leave, and say so. Default 300,000 ms. Kafka's max.poll.interval.ms. */
  readonly handlerTimeoutMs?: number | undefined;
  /** How long the leader waits for others before it computes anew, at most; milliseconds. Default 300. */
  readonly debounceMs?: number | undefined;
  /** Where groups stand. Default `/groups`. */
  readonly root?: string | undefined;
  /** How long offsets are kept that no member needs, while this member leads; milliseconds. Default 7 days. */
  readonly offsetRetentionMs?: number | undefined;
  /** Told of each step that matters: for `checkHistory`, and for whoever keeps histories. Must not throw. */
  readonly trace?: ((event: TraceEvent) => void) | undefined;
}

export interface PartitionStatus {
  readonly partition: TopicPartition;
  /** `waiting`: it is to have it, and somebody has it still. */
  readonly state: "waiting" | "claimed" | "paused" | "revoking";
  readonly token: number | undefined;
  /** The next message to be handed to the handler. */
  readonly position: number | undefined;
  readonly committed: number | undefined;
}

export interface ConsumerStatus {
  readonly member: string;
  readonly isLeader: boolean;
  /** KIP-848's words. */
  readonly state: "stable" | "unrevoked-partitions" | "unreleased-partitions" | "joining" | "closed";
  readonly memberEpoch: number;
  readonly partitions: readonly PartitionStatus[];
  readonly handled: number;
  /** Why the group's leader gives this member nothing; undefined if it is one like the others. */
  readonly refused: string | undefined;
}

export interface Consumer extends AsyncDisposable {
  /** A dynamic member that was fenced goes on under another name. */
  readonly member: string;
  readonly group: string;
  readonly status: ConsumerStatus;
  /** The present status, then the newest whenever a partition or the state changes; not at each message. */
  states(signal?: AbortSignal): StreamReader<ConsumerStatus>;
  /** Aborted when it is over for good, with the reason. */
  readonly signal: AbortSignal;
  /** Commits what is handled, now. */
  commit(options?: CallOptions): Promise<void>;
  /** Goes on from another offset, which may be lower: the one way for an offset to go back. BAD_ARGUMENTS for what is not claimed. */
  seek(partition: TopicPartition, offset: number): Promise<void>;
  pause(partitions: readonly TopicPartition[]): void;
  resume(partitions: readonly TopicPartition[]): void;
  /** Stops taking, lets handlers end, commits, gives everything back, leaves. `temporarily`: of a static member. */
  close(options?: { readonly temporarily?: boolean; readonly timeoutMs?: number }): Promise<void>;
}
