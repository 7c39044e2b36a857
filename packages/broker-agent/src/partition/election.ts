/**
 * Who leads a partition. Decides as Kafka's controller does; the order of `replicas` is the order of preference.
 *
 * Never looks at anything but its arguments, and never lets somebody lead who is not in sync, unless told to.
 */
import { checkReplicas } from "../check.ts";
import { checkPartition, nextEpoch, type PartitionState } from "./state.ts";

/**
 * - `offline`: nobody leads, or the leader is gone. Who is shutting down leads only where nobody else in sync lives.
 * - `preferred`: back to the first replica.
 * - `controlled-shutdown`: the leader wants to leave; the others that are shutting down leave the in-sync replicas with it.
 * - `unclean`: as `offline`, by somebody's word also from outside of the in-sync replicas. Committed data may be lost.
 */
export type ElectionKind = "offline" | "preferred" | "controlled-shutdown" | "unclean";

export interface ElectionOptions {
  /** For `offline`: when nobody in sync lives, let any replica that lives lead. Default false. */
  readonly unclean?: boolean | undefined;
}

export type Election =
  /** `clean`: the new leader was in sync. */
  | { readonly outcome: "elected"; readonly state: PartitionState; readonly clean: boolean }
  /** There is nothing to decide: the right one leads. */
  | { readonly outcome: "unchanged" }
  /** Nobody may; the state stays as it is. */
  | { readonly outcome: "none"; readonly why: string };

/** `live`: brokers that are registered, those in `shuttingDown` too. RangeError if the state breaks an invariant. */
export function electLeader(
  state: PartitionState,
  kind: ElectionKind,
  live: ReadonlySet<number>,
  shuttingDown: ReadonlySet<number> = new Set(),
  options: ElectionOptions = {},
): Election {
  checkPartition(state);
  const usable = (id: number): boolean => live.has(id) && !shuttingDown.has(id);
  switch (kind) {
    case "offline":
      return electOffline(state, live, usable, options.unclean ?? false);
    case "unclean":
      return electOffline(state, live, usable, true);
    case "preferred":
      return electPreferred(state, live, usable);
    case "controlled-shutdown":
      return electForShutdown(state, usable, shuttingDown);
  }
}

/** The first state of a partition: all replicas that live are in sync, the first of them leads, epoch 0. None if none lives. */
export function firstState(replicas: readonly number[], live: ReadonlySet<number>): Election {
  checkReplicas(replicas, "replicas");
  const isr = replicas.filter((id) => live.has(id));
  const [leader] = isr;
  if (leader === undefined) return { outcome: "none", why: `none of the replicas [${replicas}] is live` };
  const state = { replicas: [...replicas], adding: [], removing: [], leader, leaderEpoch: 0, isr, recovering: false };
  return { outcome: "elected", state, clean: true };
}

/** The first of `order` that is in sync and may lead. */
export function firstInSync(
  order: readonly number[],
  isr: readonly number[],
  usable: (id: number) => boolean,
): number | undefined {
  return order.find((id) => isr.includes(id) && usable(id));
}

function electOffline(
  state: PartitionState,
  live: ReadonlySet<number>,
  usable: (id: number) => boolean,
  unclean: boolean,
): Election {
  const { replicas, isr } = state;
  // A leader that is shutting down still leads: `controlled-shutdown` moves it.
  if (state.leader !== null && live.has(state.leader)) return { outcome: "unchanged" };
  const inSync = firstInSync(replicas, isr, usable);
  if (inSync !== undefined) return elected(state, inSync, isr.filter(usable), state.recovering, true);
  // Sooner one that will go, and has everything, than nobody, or one that has not.
  const leaving = firstInSync(replicas, isr, (id) => live.has(id));
  if (leaving !== undefined) {
    const stay = isr.filter((id) => live.has(id));
    return elected(state, leaving, stay, state.recovering, true);
  }
  if (!unclean) return { outcome: "none", why: `none of the in-sync replicas [${isr}] may lead` };
  const any = replicas.find(usable);
  if (any === undefined) return { outcome: "none", why: `none of the replicas [${replicas}] may lead` };
  return elected(state, any, [any], true, false);
}

function electPreferred(state: PartitionState, live: ReadonlySet<number>, usable: (id: number) => boolean): Election {
  const [preferred] = state.replicas as [number];
  if (state.leader === preferred && live.has(preferred)) return { outcome: "unchanged" };
  if (!usable(preferred)) return { outcome: "none", why: `the preferred replica ${preferred} is not live` };
  if (!state.isr.includes(preferred)) {
    return { outcome: "none", why: `the preferred replica ${preferred} is not in sync [${state.isr}]` };
  }
  return elected(state, preferred, state.isr, state.recovering, true);
}

function electForShutdown(
  state: PartitionState,
  usable: (id: number) => boolean,
  shuttingDown: ReadonlySet<number>,
): Election {
  if (state.leader === null || !shuttingDown.has(state.leader)) return { outcome: "unchanged" };
  const next = firstInSync(state.replicas, state.isr, usable);
  if (next === undefined) {
    return { outcome: "none", why: `no other in-sync replica of [${state.isr}] may lead instead of ${state.leader}` };
  }
  const isr = state.isr.filter((id) => !shuttingDown.has(id));
  return elected(state, next, isr, state.recovering, true);
}

function elected(
  state: PartitionState,
  leader: number,
  isr: readonly number[],
  recovering: boolean,
  clean: boolean,
): Election {
  const next = { ...state, leader, leaderEpoch: nextEpoch(state.leaderEpoch), isr, recovering };
  return { outcome: "elected", state: next, clean };
}
