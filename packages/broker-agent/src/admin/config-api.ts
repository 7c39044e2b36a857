/** Configurations as they are asked for and shown. */
import type { ConfigEntity } from "../config/entity.ts";

/** Kafka's incremental alteration: `append` and `subtract` are of items of a list. `delete`: what is less particular counts again. */
export type ConfigAlteration =
  | { readonly name: string; readonly op: "set" | "append" | "subtract"; readonly value: string }
  | { readonly name: string; readonly op: "delete" };

export interface EntityAlteration {
  readonly entity: ConfigEntity;
  readonly changes: readonly ConfigAlteration[];
}

/** Bytes a second for what moves, and whose traffic that is: KIP-73. Null takes it away. */
export interface ReplicationThrottle {
  /** Brokers that it is for. */
  readonly brokers: readonly number[];
  readonly bytesPerSecond: number | null;
}
