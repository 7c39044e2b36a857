/** What a subscription tells. */
import type { Stat } from "@corral/protocol";
import type { CorralError } from "../error.ts";

export type SubscriptionEvent<T> =
  /** `entry`: the znode as it is, while the subtree is being sent; it replaces what was known of this path. */
  | {
      readonly kind: "entry" | "created" | "changed";
      readonly path: string;
      readonly zxid: number;
      readonly value: T;
      readonly stat: Stat;
    }
  | { readonly kind: "deleted"; readonly path: string; readonly zxid: number }
  /** The same as `change`, but the codec refuses the data. */
  | {
      readonly kind: "undecodable";
      readonly change: "entry" | "created" | "changed";
      readonly path: string;
      readonly zxid: number;
      readonly data: Uint8Array | null;
      readonly stat: Stat;
      readonly error: CorralError;
    }
  /** What was told so far is the exact state at this zxid. Comes again now and then while nothing changes: the cursor moves on. */
  | { readonly kind: "synced"; readonly zxid: number }
  /** What was told so far is void: a gap could not be filled. Entries follow, then `synced`. */
  | { readonly kind: "resync"; readonly zxid: number };
