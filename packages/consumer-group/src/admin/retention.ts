/** Placeholder until the admin side is there. */
import type { LeaderDuty } from "../membership/leader/duty.ts";

export function offsetRetention(_options: { readonly retentionMs?: number | undefined }): LeaderDuty {
  return () => Promise.resolve();
}
