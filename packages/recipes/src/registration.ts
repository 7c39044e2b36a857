/**
 * A registration: an ephemeral znode that comes back by itself after each loss of the session, until it is given up. What brokers, members
 * of groups and instances of services are known by. Curator's PersistentNode, with an answer to whose znode it is.
 *
 * Never takes a znode that is there for its own, whoever made it: it is registered by what it has created itself, in this session.
 */
import { type Client, CorralError, isCorralError } from "@corral/client";
import { patient } from "./hold/acquire.ts";
import type { RegisterOptions, Registration } from "./registration/api.ts";
import { Presence } from "./registration/presence.ts";

export type { RegisterOptions, Registration, RegistrationState, RegistrationStatus } from "./registration/api.ts";

/**
 * Resolves when it is registered. The time limit is the client's; with `wait`, none by default. Rejects with `NODE_EXISTS` (its `actual` is
 * the session that owns the path), `TIMEOUT`, `ABORTED`, or what the server has against it; then it leaves nothing behind. A loss
 * of the session meanwhile is no reason: it goes on in the next one.
 */
export async function register<T>(
  client: Client,
  path: string,
  value: T,
  options: RegisterOptions<T>,
): Promise<Registration<T>> {
  const op = "register";
  const deadline = options.onConflict === "wait" ? patient(client, op, options) : client.deadline(op, options);
  deadline.check();
  const presence = new Presence(client, path, value, options);
  try {
    await presence.begun(deadline);
    return presence;
  } catch (error) {
    const { cause } = presence;
    presence.abandon();
    if (!isCorralError(error, "TIMEOUT")) throw error;
    throw new CorralError("TIMEOUT", { op, detail: { path }, outcome: "no", cause });
  }
}
