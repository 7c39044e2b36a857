/** What a leader of a group does beside dividing partitions: functions that others bring with them. */
import type { Client } from "@corral/client";
import type { Leadership } from "@corral/recipes";
import type { Topic } from "../../assignor.ts";
import type { GroupPaths } from "../../layout.ts";
import type { GroupView } from "./view.ts";

/** Everything that a leader knows. */
export interface Leading {
  readonly client: Client;
  readonly paths: GroupPaths;
  /** Its `guard` goes before each write: then a leader that is none any more writes nothing. */
  readonly leadership: Leadership;
  /** Aborted when it has to stop. */
  readonly signal: AbortSignal;
  readonly view: GroupView;
  /** Undefined until the source has told. */
  readonly topics: readonly Topic[] | undefined;
}

/**
 * Called after each division, and at least once a minute, one after the other; never twice at once. What it throws goes to `onLeaderError`.
 */
export type LeaderDuty = (leading: Leading) => Promise<void>;
