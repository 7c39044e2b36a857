/**
 * Order: stop 4 in the life of a write. A session's requests keep their order: writes go to the log as they come, a read
 * waits until the writes before it have been applied, and is answered before the next one is.
 *
 * Also the place where a connection's demand is bounded: when it has too much unanswered, untaken or unacknowledged, it
 * is not read, or its writes wait.
 */
import { Op, type ReadRequest, isWrite } from "@corral/protocol";
import type { Connection, Pending } from "../tables/connection.ts";
import type { World } from "../world.ts";
import type { Proposer } from "./propose.ts";
import { read } from "./read.ts";
import { refuseRequest } from "./respond.ts";

/** Looks at what the connection has pending: proposes writes, answers reads whose turn it is. */
export function pump(world: World, proposer: Proposer, connection: Connection): void {
  if (!connection.isLive) return;
  while (connection.unproposed < connection.pending.length) {
    const entry = connection.pending[connection.unproposed]!;
    if (entry.state === "held" && !advance(world, proposer, connection, entry)) break;
    connection.unproposed++;
  }
  answerReads(world, connection);
  regulate(world, connection);
}

/** Gives a held request its next state; false if it has to wait, and all behind it. */
function advance(world: World, proposer: Proposer, connection: Connection, entry: Pending): boolean {
  const { request } = entry;
  const goesToLog = isWrite(request) || request.op === Op.addAuth || needsBarrier(world, request as ReadRequest);
  if (!goesToLog) {
    entry.state = "reading";
    return true;
  }
  if (isOverloaded(world, proposer, connection, request.op)) {
    connection.refusedFrom ||= request.xid;
    entry.state = "refused";
    world.counters.overloads++;
    return true;
  }
  if (hasTooManyUnacked(world, connection)) return false;
  entry.state = "proposed";
  proposer.request(connection, entry);
  return true;
}

/** A read that must see what others have been acknowledged goes behind a mark in the log, unless the log is ours alone. */
function needsBarrier(world: World, request: ReadRequest): boolean {
  if (world.isExclusive) return false;
  return request.op === Op.sync || ("consistency" in request && request.consistency === 1);
}

function isOverloaded(world: World, proposer: Proposer, connection: Connection, op: number): boolean {
  if (op === Op.close) return false;
  return connection.refusedFrom !== 0 || world.isDiskLow || proposer.uncommittedBytes > world.limits.uncommittedBytes;
}

function hasTooManyUnacked(world: World, connection: Connection): boolean {
  const { results } = connection.session!;
  const { unackedReplies, unackedBytes } = world.limits;
  if (results.count <= unackedReplies && results.bytes <= unackedBytes) return false;
  const above = results.above(connection.acked);
  return above.count > unackedReplies || above.bytes > unackedBytes;
}

/** Answers everything at the front that waits for nothing any more. */
export function answerReads(world: World, connection: Connection): void {
  for (let entry = connection.first(); entry !== undefined && connection.isLive; entry = connection.first()) {
    if (entry.state === "reading") {
      if (connection.unsent + connection.out.length > world.limits.unsentBytesSoft) return;
      connection.takeFirst();
      read(world, connection, entry.request as ReadRequest);
    } else if (entry.state === "refused") {
      connection.takeFirst();
      const name = world.isDiskLow ? "disk" : "uncommittedBytes";
      refuseRequest(world, connection, entry.request.xid, "OVERLOADED", { name });
    } else return;
  }
}

/** Reads from the socket only as long as there is room for what it brings. */
export function regulate(world: World, connection: Connection): void {
  const { inFlight, unsentBytesSoft } = world.limits;
  const isFull = connection.pendingCount >= inFlight || connection.unsent > unsentBytesSoft;
  if (isFull === connection.isPaused) return;
  connection.isPaused = isFull;
  if (isFull) world.sink.pause(connection.id);
  else world.sink.resume(connection.id);
}
