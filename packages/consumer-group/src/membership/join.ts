/** Joining a group: the one door to membership. */
import { type Client, CorralError, isCorralError } from "@corral/client";
import type { Membership } from "./api.ts";
import { prepare } from "./entering.ts";
import { GroupMembership } from "./member.ts";
import { type JoinOptions, settingsOf } from "./options.ts";

/**
 * Resolves when it is a member. TypeError and RangeError for options that cannot be. Rejects with `NODE_EXISTS` (another process is this
 * instance, and it is not to be taken over), `LIMIT_EXCEEDED` (no room), `TIMEOUT`, `ABORTED`, or what the server has against it; then it
 * leaves nothing behind. A loss of the session meanwhile is no reason: it goes on in the next one.
 */
export async function joinGroup(client: Client, options: JoinOptions): Promise<Membership> {
  const op = "joinGroup";
  const settings = settingsOf(options);
  const deadline = client.deadline(op, options);
  deadline.check();
  await inAnySession(() => prepare(client, settings, deadline));
  const membership = new GroupMembership(client, settings);
  try {
    await membership.begun(deadline);
    return membership;
  } catch (error) {
    await membership.leave();
    if (!isCorralError(error, "TIMEOUT")) throw error;
    throw new CorralError("TIMEOUT", { op, detail: { path: settings.paths.group }, outcome: "no" });
  }
}

/** Once more where the session has ended under it; the client waits for the next one. */
async function inAnySession(step: () => Promise<void>): Promise<void> {
  for (;;) {
    try {
      return await step();
    } catch (error) {
      if (!isCorralError(error, "SESSION_EXPIRED", "OUTCOME_UNKNOWN")) throw error;
    }
  }
}
