/** What a host broker embeds: how it is told of its part in the cluster, and what it tells in turn. */
import type { Client, CorralError, Guard } from "@corral/client";
import type { SettingSchema } from "../config/settings.ts";
import type { ClusterImage } from "../image/cluster-image.ts";
import type { PartitionState } from "../partition/state.ts";
import type { BrokerStatus, Endpoint } from "../records.ts";

export interface PartitionId {
  readonly topic: string;
  /** Data belong to this id: a topic of the same name may be another one. */
  readonly topicId: string;
  readonly partition: number;
}

/** What a leader stamps on all that it sends, and compares with what it gets: KIP-320. */
export interface LeaderToken {
  readonly leaderEpoch: number;
  /** Of the partition's znode: grows also with each change of the in-sync replicas. */
  readonly version: number;
}

/** The part of a broker that leads a partition, from one leader epoch to its end. */
export interface Leading {
  readonly id: PartitionId;
  readonly leaderEpoch: number;
  readonly token: LeaderToken;
  readonly state: PartitionState;
  /** May it act as leader, now? False at once when the session may have ended, also after a stall: ask before each acknowledgement. */
  readonly isValid: boolean;
  /** Aborted when it leads no more, with the reason. */
  readonly signal: AbortSignal;
  /**
   * For writes of the host's own to the tree: they happen only while this broker is registered, and leads by this very state. A change of the
   * in-sync replicas makes them refuse too: take them anew for each write.
   */
  readonly guards: readonly Guard[];
  /** The host's log ends here now: the offset that the next record will have. Call after each append, and once at the beginning. */
  appended(endOffset: number): void;
  /**
   * A follower fetched from this offset on: it has everything before. `brokerEpoch`: of the follower, as it sends it. Not counted: before the
   * first `appended`, of who is no replica, of an earlier life of the follower, from beyond the end of this log.
   */
  fetched(follower: number, offset: number, brokerEpoch: number): void;
  /** Everything before it is on all that are in sync; never falls while this lasts. 0 before the first `appended`. */
  readonly highWatermark: number;
  /** Called when that moves. The function returned ends it. At most LISTENERS_MAX, else `LIMIT_EXCEEDED`. */
  onHighWatermark(listener: (offset: number) => void): () => void;
  /**
   * May records that want all in-sync replicas be appended? `NOT_ENOUGH_REPLICAS` below `min.insync.replicas`.
   */
  readonly canAppend: true | "NOT_ENOUGH_REPLICAS" | "NOT_LEADER";
  /**
   * Resolves when everything before this offset is committed. `NOT_ENOUGH_REPLICAS_AFTER_APPEND` if it may be on too few, `NOT_LEADER` if it is
   * not known to be committed and this broker leads no more. Rejects with `ABORTED` by the signal, which is how to wait no longer than a time,
   * and with `LIMIT_EXCEEDED` beyond WAITERS_MAX.
   */
  committed(
    offset: number,
    signal?: AbortSignal,
  ): Promise<"committed" | "NOT_ENOUGH_REPLICAS_AFTER_APPEND" | "NOT_LEADER">;
  /**
   * The log is repaired after an unclean election: others may come into the in-sync replicas. Resolves when that is written; rejects with the
   * reason of `signal` if this broker leads no more.
   */
  recovered(): Promise<void>;
}

/** The part of a broker that follows. */
export interface Following {
  readonly id: PartitionId;
  /** Undefined: nobody leads. */
  readonly leader: number | undefined;
  readonly leaderEpoch: number;
  /** Of the leader; undefined if it is not registered now. */
  readonly endpoints: readonly Endpoint[] | undefined;
  readonly state: PartitionState;
  /** Aborted, with the reason, when this is followed no more: another leader, epoch or endpoints, another part, or the session is over. */
  readonly signal: AbortSignal;
}

export interface ConfigChange {
  /** `topics`, `brokers`, `clients`, `users`, `ips`. */
  readonly type: string;
  readonly entity: string;
  readonly before: Readonly<Record<string, string>> | undefined;
  readonly now: Readonly<Record<string, string>> | undefined;
  readonly zxid: number;
}

/**
 * Called one after the other, in the order of the cluster's transactions, from the start on: the first calls come before `startBroker` has
 * resolved, so the agent may not be there yet. What a callback throws goes to `onError`, and nothing is left out.
 */
export interface BrokerHost {
  lead(part: Leading): void;
  follow(part: Following): void;
  /** No replica of this broker any more. `deleteData`: for good; otherwise the broker is leaving. */
  stop(id: PartitionId, how: { readonly deleteData: boolean }): void;
  /** At the start: everything that is set, without `before`. */
  configChanged?(change: ConfigChange): void;
  /** Another controller, or none. */
  controllerChanged?(
    controller: { readonly broker: number; readonly epoch: number; readonly isMe: boolean } | undefined,
  ): void;
  /** The session is not confirmed for 2/3 of its timeout: stop acknowledging. Then either `confirmed` or `lost` follows. */
  doubt?(): void;
  confirmed?(): void;
  /** The session is over: everything led is led no more (their signals are aborted already). The agent registers anew by itself. */
  lost?(why: CorralError): void;
  /** Without it, and when it throws itself, what is to be told is thrown by itself, as an uncaught exception. */
  onError?(error: unknown, where: string): void;
}

export interface BrokerAgentOptions {
  readonly cluster: string;
  /** Where clusters stand. Default `/clusters`. */
  readonly root?: string | undefined;
  /** `auto`: the next number above 1,000 that nobody had; remember `agent.id` and give it the next time. */
  readonly id: number | "auto";
  readonly endpoints: readonly Endpoint[];
  readonly rack?: string | undefined;
  readonly features?: Readonly<Record<string, { readonly min: number; readonly max: number }>> | undefined;
  /** Refuse to be part of another cluster than this, or to found one: what a broker that was in a cluster before gives. */
  readonly clusterId?: string | undefined;
  /** `fenced`: until `activate()`. Default: `active`. */
  readonly startAs?: "fenced" | "active" | undefined;
  /** When a broker of this id is registered: `error` (default; `NODE_EXISTS`), or wait for the end of its session. */
  readonly onDuplicate?: "error" | "wait" | undefined;
  readonly host: BrokerHost;
  /** The host's own settings, without those of this package: by both, the controller checks what is to be set. The same in all brokers. */
  readonly schema?: SettingSchema | undefined;
  /** May this broker be controller? Default true. */
  readonly canBeController?: boolean | undefined;
  /**
   * Whose data this host has on disk: those that this broker is no replica of any more are stopped with `deleteData` at the start. Wants
   * `clusterId`, so that nobody loses all by being led to the wrong cluster. At most ON_DISK_MAX.
   */
  readonly onDisk?: readonly PartitionId[] | undefined;
  /** Asked before a topic is made or grows: a reason to refuse, or undefined. KIP-108. */
  readonly policy?: ((request: { readonly op: string; readonly args: unknown }) => string | undefined) | undefined;
  /** Ends the start. */
  readonly signal?: AbortSignal | undefined;
  /** For the start. Default: the client's; with `onDuplicate: "wait"` none. */
  readonly timeoutMs?: number | undefined;
}

/** A broker's place in its cluster. Made by `startBroker`; survives sessions, each with an epoch of its own. */
export interface BrokerAgent extends AsyncDisposable {
  readonly id: number;
  readonly client: Client;
  readonly clusterId: string;
  /** Of the present registration; undefined while there is none. Send it with fetches. */
  readonly epoch: number | undefined;
  readonly status: BrokerStatus | "unregistered" | "closed";
  /** Is the session certainly alive, now? */
  readonly isValid: boolean;
  readonly leaseRemainingMs: number;
  readonly image: ClusterImage;
  readonly controller: { readonly broker: number; readonly epoch: number; readonly isMe: boolean } | undefined;
  /** What it leads now. */
  leading(topicId: string, partition: number): Leading | undefined;
  /** From `fenced` to `active`. `BAD_ARGUMENTS` while it drains. */
  activate(): Promise<void>;
  /** `NODE_EXISTS` if another broker has one of them. `rack`: as it is unless given. */
  setEndpoints(endpoints: readonly Endpoint[], rack?: string | null): Promise<void>;
  /** Replicas that it cannot keep, all of them: `<topicId>/<n>`. At most FAILED_REPLICAS_MAX. KIP-112. */
  setFailedReplicas(failed: readonly string[]): Promise<void>;
  /**
   * Leaves in order: leaderships go first, and all others have seen where they went. Resolves with the number of partitions that it still led when
   * there was nobody to take them, or the time was over. Default 15 s, Kafka's three tries of 5 s. `drain: false`: at once. The client stays open.
   */
  shutdown(options?: { readonly drain?: boolean; readonly timeoutMs?: number }): Promise<{ readonly stillLed: number }>;
  /** Aborted when it is over for good: `CLOSED`, or why it is no broker any more, as when another one took its id while it was away. */
  readonly signal: AbortSignal;
}
