/**
 * The life of a session in the log: opened, attached to a new connection, closed or expired.
 */
import type { Context } from "../context.ts";
import { type Session, sameHash } from "../session-table.ts";
import type { AttachTxn, OpenTxn } from "../txn.ts";

/** The new session; the one that it replaces, if the secret was right, is closed first. */
export function open(cx: Context, txn: OpenTxn): { readonly opened: Session; readonly closed: number | undefined } {
  const { sessions } = cx.state;
  let closed: number | undefined;
  if (txn.replaces !== null) {
    const old = sessions.get(txn.replaces.session);
    if (old !== undefined && sameHash(old.secretHash, txn.replaces.secretHash)) {
      closed = old.id;
      close(cx, old);
    }
  }
  return { opened: sessions.open(cx.stamp.zxid, txn.secretHash, txn.timeoutMs, txn.identities), closed };
}

/** The session, now of this attachment; undefined if it is gone or the secret is wrong: the two are not told apart. */
export function attach(cx: Context, txn: AttachTxn): Session | undefined {
  const { sessions } = cx.state;
  const session = sessions.get(txn.session);
  if (session === undefined || !sameHash(session.secretHash, txn.secretHash)) return undefined;
  sessions.changing(session);
  session.generation = cx.stamp.zxid;
  session.timeoutMs = txn.timeoutMs;
  session.identities = txn.identities;
  sessions.acknowledge(session, txn.acked);
  return session;
}

/** Its ephemerals go with it, in one transaction. */
export function close(cx: Context, session: Session): void {
  const { tree, sessions } = cx.state;
  for (const slot of tree.ephemeralsOf(session.id)) cx.remove(slot, tree.path(slot));
  sessions.close(session);
}
