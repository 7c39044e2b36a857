/** What a watch tells. */
import { EventType } from "@corral/protocol";

/** Something happened to a znode; never what it is now: read it. */
export interface WatchEvent {
  /**
   * `children`: a child was created or deleted. `resync`: what happened since the watch was set can no longer be told, or there
   * was more than it keeps for a slow reader; read again. The watch goes on.
   */
  readonly kind: "created" | "deleted" | "changed" | "children" | "resync";
  /** Of the znode concerned; for `resync` the path that is watched. */
  readonly path: string;
  /** The change that it tells of; for `resync`, one that is covered. */
  readonly zxid: number;
}

const KINDS: Readonly<Record<number, WatchEvent["kind"]>> = {
  [EventType.created]: "created",
  [EventType.deleted]: "deleted",
  [EventType.changed]: "changed",
  [EventType.children]: "children",
};

export const eventKind = (type: number): WatchEvent["kind"] | undefined => KINDS[type];
