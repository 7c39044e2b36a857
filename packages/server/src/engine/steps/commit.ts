/**
 * Commit: where stop 7 is called for. A batch has come back from the log; its entries are applied one by one. After each,
 * and before the next: watchers are told, the asker is answered, and so are the asker's reads that waited for this write.
 * A session that the entry ends is told that alone.
 *
 * Own entries and those of other daemons come the same way. Whoever waits for an entry is found by session, attachment and
 * number, or by origin; if there is nobody, there is nobody.
 */
import type { CommittedBatch } from "@corral/log";
import {
  APPLY_LEVEL,
  type Applied,
  type Applier,
  type Origin,
  type Txn,
  TxnKind,
  readTxns,
} from "@corral/state-machine";
import type { Connection } from "../tables/connection.ts";
import type { World } from "../world.ts";
import { welcome, refuse } from "./connect.ts";
import { notify } from "./notify.ts";
import { answerReads } from "./order.ts";
import { ProposedBatch } from "./propose.ts";
import { read } from "./read.ts";
import { CloseCode, close, goodbye, refuseRequest, silence, touched } from "./respond.ts";
import { tellSubscribers } from "./subscribe.ts";

/** An entry was written by rules that this release does not know: it must not be guessed at. */
export class UnknownLevel extends Error {
  override readonly name = "UnknownLevel";
}

/** Applies a batch; `touchedConnections` gains those whose pending requests may go on. */
export function commit(
  world: World,
  applier: Applier,
  batch: CommittedBatch,
  touchedConnections: Set<Connection>,
): void {
  for (const { zxid, txn, applied } of applyAll(applier, batch)) {
    if (applied.closed !== undefined) silenceSession(world, applied.closed);
    notify(world, zxid, applied.changes);
    if (applied.changes.length > 0 || txn.kind === TxnKind.write) tellSubscribers(world, zxid);
    const connection = settle(world, txn, applied);
    if (connection !== undefined) touchedConnections.add(connection);
    if (applied.closed !== undefined) ended(world, applied.closed, txn);
    cameTrue(world, txn);
  }
}

/**
 * Applies the entries of a batch in order; the caller looks at each before the next. Recovery is this alone: with a snapshot as
 * of `afterZxid`, which may lie within the batch, an entry up to there is in the state already.
 */
export function* applyAll(
  applier: Applier,
  batch: CommittedBatch,
  afterZxid = 0,
): Generator<{ readonly zxid: number; readonly txn: Txn; readonly applied: Applied }, void, undefined> {
  if (batch.level > APPLY_LEVEL) {
    throw new UnknownLevel(
      `the log holds entries of level ${batch.level}; this release applies up to ${APPLY_LEVEL}. Upgrade this daemon.`,
    );
  }
  const txns = batch.own instanceof ProposedBatch ? batch.own.txns : readTxns(batch.body, batch.count);
  for (let i = 0; i < txns.length; i++) {
    const zxid = batch.firstZxid + i;
    if (zxid <= afterZxid) continue;
    const txn = txns[i]!;
    yield { zxid, txn, applied: applier.apply(zxid, batch.timeMs, txn) };
  }
}

/** The server's own entries: what they were proposed for has happened, or turned out not to be due. */
function cameTrue(world: World, txn: Txn): void {
  if (txn.kind === TxnKind.reap) world.reaping.delete(txn.path);
  else if (txn.kind === TxnKind.open && txn.origin.daemon === world.daemonId) world.opening--;
  else if (txn.kind === TxnKind.expire && world.expiring.get(txn.session) === txn.generation)
    world.expiring.delete(txn.session);
}

/** Answers whoever waits for this entry; returns the connection whose requests may go on. */
function settle(world: World, txn: Txn, applied: Applied): Connection | undefined {
  switch (txn.kind) {
    case TxnKind.write:
      return answer(world, txn.session, txn.generation, txn.request.xid, applied);
    case TxnKind.addAuth:
      return answer(world, txn.session, txn.generation, txn.xid, applied);
    case TxnKind.sync:
      return answerRead(world, txn.session, txn.generation, txn.xid);
    case TxnKind.open:
    case TxnKind.attach:
      return greet(world, txn.origin, applied, txn.kind === TxnKind.attach);
    default:
      return undefined;
  }
}

function greet(world: World, origin: Origin, applied: Applied, resumed: boolean): Connection | undefined {
  const connection = origin.daemon === world.daemonId ? world.connections.get(origin.connection) : undefined;
  if (applied.attached !== undefined) {
    if (!resumed) world.counters.sessionsOpened++;
    welcome(world, connection, applied.attached, resumed);
  } else if (connection !== undefined) refuse(world, connection, "SESSION_EXPIRED");
  return connection;
}

/** The connection that waits for this number first, if it is here. */
function waiting(world: World, session: number, generation: number, xid: number): Connection | undefined {
  const connection = world.attached.get(session);
  if (connection === undefined || connection.generation !== generation) return undefined;
  return connection.first()?.request.xid === xid ? connection : undefined;
}

function answer(
  world: World,
  session: number,
  generation: number,
  xid: number,
  applied: Applied,
): Connection | undefined {
  const connection = waiting(world, session, generation, xid);
  if (connection === undefined) return undefined;
  connection.takeFirst();
  switch (applied.outcome) {
    case "answered":
      connection.out.append(applied.reply);
      touched(world, connection);
      if (applied.closed === session) close(world, connection, CloseCode.normal, "closed");
      else answerReads(world, connection);
      return connection;
    case "expired":
      refuseRequest(world, connection, xid, "SESSION_EXPIRED");
      goodbye(world, connection, "SESSION_EXPIRED", CloseCode.expired);
      return undefined;
    case "misnumbered":
      goodbye(world, connection, "PROTOCOL_ERROR", CloseCode.protocolError, {
        name: `request ${xid} was another one before, or has been acknowledged`,
      });
      return undefined;
    default:
      return undefined;
  }
}

function answerRead(world: World, session: number, generation: number, xid: number): Connection | undefined {
  const connection = waiting(world, session, generation, xid);
  if (connection === undefined) return undefined;
  const { request } = connection.first()!;
  connection.takeFirst();
  read(world, connection, request as Parameters<typeof read>[2]);
  answerReads(world, connection);
  return connection;
}

/** A session that ends is told that, and nothing of what goes with it: its holder must hear the cause first. */
function silenceSession(world: World, session: number): void {
  const connection = world.attached.get(session);
  if (connection !== undefined) silence(world, connection);
}

/** A session is gone: by its own wish, replaced, or expired. Its connection, if it has one here, is told. */
function ended(world: World, session: number, txn: Txn): void {
  world.sessionClock.forget(session);
  if (txn.kind === TxnKind.expire) world.counters.sessionsExpired++;
  else world.counters.sessionsClosed++;
  const connection = world.attached.get(session);
  if (connection !== undefined) goodbye(world, connection, "SESSION_EXPIRED", CloseCode.expired);
}
