/** What people are shown of a consumer. Pure. */
import type { HeldClaim } from "../claims/claim.ts";
import type { Ward } from "../claims/ward.ts";
import type { ConsumerStatus, PartitionStatus } from "../consumer.ts";

interface Parts {
  readonly membership: { readonly member: string; readonly isLeader: boolean };
  readonly reconciler: { readonly wards: Iterable<Ward>; readonly hasTarget: boolean; readonly reached: number };
  readonly deliveryOf: (
    claim: HeldClaim,
  ) => { readonly position: number | undefined; readonly isPaused: boolean } | undefined;
  readonly handled: number;
  readonly refused: string | undefined;
  readonly isClosed: boolean;
}

export function statusOf({ membership, reconciler, deliveryOf, handled, refused, isClosed }: Parts): ConsumerStatus {
  const wards = [...reconciler.wards];
  const { member, isLeader } = membership;
  const state = isClosed
    ? "closed"
    : wards.some((ward) => ward.state === "revoking")
      ? "unrevoked-partitions"
      : !reconciler.hasTarget
        ? "joining"
        : wards.some((ward) => ward.state !== "claimed")
          ? "unreleased-partitions"
          : "stable";
  const partitions = wards.map((ward): PartitionStatus => {
    const { claim, partition } = ward;
    const delivery = claim === undefined ? undefined : deliveryOf(claim);
    const isHeld = claim !== undefined && !claim.isOver;
    return {
      partition,
      state:
        ward.state === "claimed" && delivery?.isPaused === true
          ? "paused"
          : ward.state === "ending"
            ? "waiting"
            : ward.state,
      token: isHeld ? claim.token : undefined,
      position: isHeld ? delivery?.position : undefined,
      committed: isHeld && claim.hasOffset ? claim.committed : undefined,
    };
  });
  return { member, isLeader, state, memberEpoch: reconciler.reached, partitions, handled, refused };
}
