/** What the consuming half needs of the membership: who it is, what it is to have, and when that is over. */
import type { Client, CorralError, Guard, StreamReader } from "@corral/client";
import type { Partitions } from "../assignor.ts";

/** What the leader wants a member to have. */
export interface Target {
  readonly epoch: number;
  readonly partitions: Partitions;
  /** Why the leader gives this member nothing; undefined if it is one like the others. */
  readonly refused: string | undefined;
  /** Holds as long as this target stands: put it before each claim. */
  readonly guard: Guard;
}

/** One member from joining to leaving: it survives sessions; in each it lives anew, and has nothing of the one before. */
export interface Membership extends AsyncDisposable {
  readonly group: string;
  /** A dynamic member that the leader has fenced goes on under another one. */
  readonly member: string;
  readonly client: Client;
  /**
   * Holds while this life of the member lasts. A new life begins with each session, and after the leader has fenced it: undefined while there is
   * none.
   */
  readonly guard: Guard | undefined;
  /** Does it certainly live, now? Computed from the clocks at each look: false after a stall, before anything else may act. */
  readonly isValid: boolean;
  readonly validForMs: number;
  /** The present target, then each that follows, of those not taken the newest only; undefined when the life it belonged to is over. */
  targets(signal?: AbortSignal): StreamReader<Target | undefined>;
  /** Says how far it has come: the epoch of the target that it has reached in full. For people; nothing is decided by it. */
  reached(epoch: number): Promise<void>;
  /**
   * Aborted when it is over for good: `CLOSED` after `leave`, `NODE_EXISTS` when another process has taken the instance over.
   */
  readonly signal: AbortSignal;
  readonly cause: CorralError | undefined;
  /** Called when a life of the member ends: whatever it had is lost, from now on. The function returned ends it. */
  onLifeLost(listener: (why: CorralError) => void): () => void;
  /** Leads the group, now? For people. */
  readonly isLeader: boolean;
  /**
   * `temporarily`: of a static member, its target waits for it. Give back what is owned first. Harmless when repeated.
   */
  leave(options?: { readonly temporarily?: boolean; readonly timeoutMs?: number }): Promise<void>;
}
