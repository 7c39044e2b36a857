/** Why a registration, or one life of it, is over. */
import { CorralError, type Stat } from "@corral/client";

const OP = "registration";

/** Has the session ended with the call unanswered, or before it was sent? */
export const isEndOfSession = ({ code }: CorralError): boolean =>
  code === "SESSION_EXPIRED" || code === "OUTCOME_UNKNOWN";

/** Somebody else's znode stands there. */
export function takenBy(path: string, { ephemeralOwner }: Stat): CorralError {
  const detail = { path, name: "ephemeralOwner", actual: ephemeralOwner };
  const means =
    ephemeralOwner === 0
      ? "a znode that is no ephemeral is in the way; it has to be deleted first"
      : "it is registered by another";
  return new CorralError("NODE_EXISTS", { op: OP, detail, outcome: "no", means });
}

export function takenOver(path: string): CorralError {
  return new CorralError("NODE_EXISTS", {
    op: OP,
    detail: { path },
    outcome: "no",
    means: "another has taken it over",
  });
}

export function deletedByOther(path: string): CorralError {
  const means = "the znode was deleted by somebody else";
  return new CorralError("GUARD_FAILED", { op: OP, detail: { path }, outcome: "no", means });
}

export function closed(path: string, means: string, cause: CorralError | undefined): CorralError {
  return new CorralError("CLOSED", { op: OP, detail: { path }, outcome: "no", means, cause });
}
