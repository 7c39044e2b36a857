/** What one leader needs of the broker around it. */
import type { Guard } from "@corral/client";
import type { BrokerStanding } from "../partition/isr.ts";
import type { IsrChange } from "./isr-changes.ts";
import type { Life } from "./life.ts";

/** Asked at each use: settings and brokers change. */
export interface LeaderWorld {
  readonly broker: number;
  readonly life: Life;
  /** Of the partition's znode. */
  readonly path: string;
  readonly nowMs: () => number;
  readonly lagTimeMs: () => number;
  readonly minInSync: () => number;
  /** By broker, as they stand to this partition. */
  readonly standings: () => ReadonlyMap<number, BrokerStanding>;
  /** That nothing of this broker has changed, as it must be when it comes in; undefined: it is not registered. */
  readonly unchanged: (broker: number) => Guard | undefined;
  /** That this broker is in the life still that it was in at this zxid; undefined: it is not. */
  readonly sameLife: (broker: number, zxid: number) => Guard | undefined;
  readonly write: (change: IsrChange) => void;
  /** What a listener threw. */
  readonly failed: (error: unknown, where: string) => void;
}
