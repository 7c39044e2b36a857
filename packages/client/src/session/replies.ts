/** What a reply means for the request it answers: an answer, a refusal for now, or the end of the session. */
import { errorName, type Reply } from "@corral/protocol";
import type { RequestTable } from "../calls/table.ts";
import type { CorralError } from "../error.ts";
import type { Instant, LogSink } from "../world.ts";
import type { WatchSink } from "./restorable.ts";
import type { Sender } from "./sender.ts";

/** Returns the cause if the reply says that the session is gone, or another's. */
export function receive(
  reply: Reply,
  table: RequestTable,
  sender: Sender,
  answered: (sentAt: Instant) => void,
  watches: WatchSink,
  log: LogSink,
): CorralError | undefined {
  const call = table.find(reply.xid);
  if (call === undefined) {
    // Of a read that was given up before a reconnect.
    log({ level: "debug", message: "a reply to no request", fields: { xid: reply.xid } });
    return undefined;
  }
  if (call.sentAt !== undefined) answered(call.sentAt);
  const code = reply.code === 0 ? undefined : errorName(reply.code);
  if (code === "DRAINING" || (code === "OVERLOADED" && call.isWrite)) {
    table.refuse(call, call.refusalOf(reply));
    sender.retryLater();
    return undefined;
  }
  if (code === "SESSION_EXPIRED" || code === "SESSION_MOVED") {
    const cause = call.refusalOf(reply);
    // One that may have been applied before is left to the end of the session, which does not know either.
    if (!call.inDoubt) {
      table.done(call);
      call.fail(cause);
    }
    return cause;
  }
  if (call.refusedWith !== undefined) sender.retried();
  table.done(call);
  if (call.isSettled) watches.unwanted(call.body, reply);
  else call.answer(reply);
  return undefined;
}
