/**
 * Apply: stop 7 in the life of a write. The one place where the state changes.
 *
 * Reads nothing but the state and the Txn, so that every daemon decides alike. A refusal is a result like any other.
 * What it did is left in an `Applied`, which the caller reads before the next entry is applied.
 *
 * In: zxid, stamp, Txn. Out: the reply to the asker, the changes for the watchers.
 */
import { Op, type WriteRequest, Writer, writeRefusal } from "@corral/protocol";
import { type Change, Context } from "./context.ts";
import { type Refusal, refuse } from "./refusal.ts";
import type { Session } from "./session-table.ts";
import type { State } from "./state.ts";
import { checkGuards } from "./transitions/change.ts";
import { deleteTree } from "./transitions/delete-tree.ts";
import { applyOp, multi, multiEach } from "./transitions/multi.ts";
import { reap } from "./transitions/reap.ts";
import { attach, close, open } from "./transitions/session.ts";
import { type AddAuthTxn, type Txn, TxnKind, type WriteTxn } from "./txn.ts";

/** The rules by which this release applies entries. Raised whenever a result changes; the old branch stays. */
export const APPLY_LEVEL = 1;

/** Identities of one session: those of its connection and of its credentials. Each is looked at by every permission check. */
const IDENTITIES_MAX = 32;

/** A write or addAuth sent twice in the log is executed once; what to do with the copy. */
export type Outcome =
  /** Executed, or refused, and remembered; or recalled. `reply` holds the whole message. */
  | "answered"
  /** The session is gone. */
  | "expired"
  /** Sent by a connection that the session has left: nothing happened, nobody is answered. */
  | "moved"
  /** The number belongs to another request, or to one whose reply the client has acknowledged. */
  | "misnumbered"
  /** Not a client's request. */
  | "none";

export interface Applied {
  outcome: Outcome;
  /** The reply message, when the outcome is "answered". */
  readonly reply: Writer;
  readonly changes: readonly Change[];
  /** The session that an open or attach entry gave to its origin; undefined when it was refused. */
  attached: Session | undefined;
  /** The session that ended with this entry. */
  closed: number | undefined;
}

export class Applier implements Applied {
  outcome: Outcome = "none";
  readonly reply: Writer = new Writer(4096);
  readonly changes: readonly Change[];
  attached: Session | undefined = undefined;
  closed: number | undefined = undefined;
  readonly #state: State;
  readonly #cx: Context;

  constructor(state: State) {
    this.#state = state;
    this.#cx = new Context(state);
    this.changes = this.#cx.changes;
  }

  /** Applies the next entry of the log. */
  apply(zxid: number, timeMs: number, txn: Txn): Applied {
    const { sessions, history } = this.#state;
    this.reply.clear();
    this.outcome = "none";
    this.attached = undefined;
    this.closed = undefined;
    const asker = "session" in txn ? sessions.get(txn.session) : undefined;
    this.#cx.reset({ zxid, timeMs }, asker?.id ?? 0, asker?.identities ?? []);
    this.#dispatch(zxid, txn, asker);
    history.settle();
    this.#state.zxid = zxid;
    this.#state.timeMs = timeMs;
    return this;
  }

  #dispatch(zxid: number, txn: Txn, asker: Session | undefined): void {
    switch (txn.kind) {
      case TxnKind.write:
      case TxnKind.addAuth:
        this.outcome = this.#request(zxid, txn, asker);
        return;
      case TxnKind.open: {
        const { opened, closed } = open(this.#cx, txn);
        this.attached = opened;
        this.closed = closed;
        return;
      }
      case TxnKind.attach:
        this.attached = attach(this.#cx, txn);
        return;
      case TxnKind.expire:
        if (asker !== undefined && asker.generation === txn.generation) this.#close(asker);
        return;
      case TxnKind.reap:
        return reap(this.#cx, txn);
      case TxnKind.options:
        this.#state.options = txn.options;
        return;
      case TxnKind.sync:
        return;
    }
  }

  #request(zxid: number, txn: WriteTxn | AddAuthTxn, session: Session | undefined): Outcome {
    const { sessions } = this.#state;
    if (session === undefined) return "expired";
    if (session.generation !== txn.generation) return "moved";
    const xid = txn.kind === TxnKind.write ? txn.request.xid : txn.xid;
    sessions.changing(session);
    sessions.acknowledge(session, txn.acked);
    if (xid <= session.lastWrite) {
      const outcome = this.#recall(session, xid, txn.hash);
      // The attach in between has put the identities of its Hello in place of all others, this one among them.
      if (outcome === "answered" && txn.kind === TxnKind.addAuth) this.#addIdentity(session, txn);
      return outcome;
    }
    if (txn.kind === TxnKind.addAuth) this.#addAuth(session, zxid, txn);
    else this.#write(session, zxid, txn.request);
    session.lastWrite = xid;
    if (this.closed === undefined) session.results.remember(xid, txn.hash, this.reply.written());
    return "answered";
  }

  #recall(session: Session, xid: number, hash: number): Outcome {
    const reply = xid > session.acked ? session.results.recall(xid, hash) : undefined;
    if (reply === undefined) return "misnumbered";
    this.reply.raw(reply);
    return "answered";
  }

  #addAuth(session: Session, zxid: number, txn: AddAuthTxn): void {
    if (this.#addIdentity(session, txn)) return this.#head(3, txn.xid, zxid);
    const { code, detail } = refuse("LIMIT_EXCEEDED", { name: "identities", limit: IDENTITIES_MAX });
    writeRefusal(this.reply, txn.xid, zxid, code, detail);
  }

  /** False if the session has too many. */
  #addIdentity(session: Session, { identity }: AddAuthTxn): boolean {
    const isKnown = session.identities.some(({ scheme, id }) => scheme === identity.scheme && id === identity.id);
    if (isKnown) return true;
    if (session.identities.length >= IDENTITIES_MAX) return false;
    session.identities = [...session.identities, identity];
    return true;
  }

  /** Writes the whole reply: the result, or in its place the refusal. */
  #write(session: Session, zxid: number, request: WriteRequest): void {
    const refusal = request.guards === null ? undefined : checkGuards(this.#cx, request.guards);
    const refused = refusal ?? this.#execute(session, zxid, request);
    if (refused === undefined) return;
    this.reply.clear();
    writeRefusal(this.reply, request.xid, zxid, refused.code, refused.detail);
  }

  #execute(session: Session, zxid: number, request: WriteRequest): Refusal | undefined {
    switch (request.op) {
      case Op.create:
        this.#head(5, request.xid, zxid);
        return applyOp(this.#cx, request, this.reply);
      case Op.set:
      case Op.setAcl:
        this.#head(4, request.xid, zxid);
        return applyOp(this.#cx, request, this.reply);
      case Op.delete:
        this.#head(3, request.xid, zxid);
        return applyOp(this.#cx, request, this.reply);
      case Op.multi:
        this.#head(4, request.xid, zxid);
        return multi(this.#cx, request, this.reply);
      case Op.multiEach:
        this.#head(4, request.xid, zxid);
        return multiEach(this.#cx, request, this.reply);
      case Op.deleteTree: {
        const deleted = deleteTree(this.#cx, request);
        if (typeof deleted !== "number") return deleted;
        this.#head(4, request.xid, zxid);
        this.reply.int(deleted);
        return undefined;
      }
      case Op.close:
        this.#close(session);
        this.#head(3, request.xid, zxid);
        return undefined;
    }
  }

  #close(session: Session): void {
    close(this.#cx, session);
    this.closed = session.id;
  }

  #head(elements: number, xid: number, zxid: number): void {
    this.reply.array(elements);
    this.reply.int(xid);
    this.reply.int(zxid);
    this.reply.int(0);
  }
}
