/** A partition on its way to a member, with it, or on its way back. */
import type { TopicPartition } from "../source.ts";
import type { HeldClaim } from "./claim.ts";

export type WardState = "waiting" | "claimed" | "revoking" | "ending";

/** A partition that the member has, or is to have. */
export interface Ward {
  readonly partition: TopicPartition;
  /** `ending`: the claim is over, and what was done under it is not. */
  readonly state: WardState;
  readonly claim: HeldClaim | undefined;
}

export interface MutableWard extends Ward {
  state: WardState;
  claim: HeldClaim | undefined;
  /** Ends the waiting. */
  waiting: AbortController | undefined;
  /** How often its claim was refused. */
  refusals: number;
}
