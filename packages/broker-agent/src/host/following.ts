/** Following one partition: one leader, one epoch, one place where it is to be found. */
import type { CorralError } from "@corral/client";
import type { PartitionState } from "../partition/state.ts";
import type { Endpoint } from "../records.ts";
import type { Following, PartitionId } from "./api.ts";

export class Follower implements Following {
  readonly id: PartitionId;
  readonly leader: number | undefined;
  readonly leaderEpoch: number;
  readonly endpoints: readonly Endpoint[] | undefined;
  #state: PartitionState;
  /** Made when somebody looks at the signal: most never do, and there are as many followers as replicas. */
  #over: AbortController | undefined;
  #why: CorralError | undefined;

  /** `leader`: undefined where the state names one that leads no more. */
  constructor(
    id: PartitionId,
    state: PartitionState,
    leader: number | undefined,
    endpoints: readonly Endpoint[] | undefined,
  ) {
    this.id = id;
    this.leader = leader;
    this.leaderEpoch = state.leaderEpoch;
    this.endpoints = endpoints;
    this.#state = state;
  }

  get state(): PartitionState {
    return this.#state;
  }

  get signal(): AbortSignal {
    if (this.#over === undefined) {
      this.#over = new AbortController();
      if (this.#why !== undefined) this.#over.abort(this.#why);
    }
    return this.#over.signal;
  }

  /** Is there nothing to tell but a newer state? */
  is({ leaderEpoch }: PartitionState, leader: number | undefined, endpoints: readonly Endpoint[] | undefined): boolean {
    return leaderEpoch === this.leaderEpoch && leader === this.leader && areSame(endpoints, this.endpoints);
  }

  update(state: PartitionState): void {
    this.#state = state;
  }

  end(why: CorralError): void {
    this.#why ??= why;
    this.#over?.abort(why);
  }
}

export function areSame(a: readonly Endpoint[] | undefined, b: readonly Endpoint[] | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined || a.length !== b.length) return false;
  return a.every(({ name, host, port }, at) => {
    const other = b[at];
    return other !== undefined && name === other.name && host === other.host && port === other.port;
  });
}
