/**
 * Order: stop 4 in the life of a write. A session's requests keep their order: writes go to the log as they come, a read
 * waits until the writes before it have been applied, and is answered before the next one is.
 *
 * Also the place where a connection's demand is bounded: when it has too much unanswered, untaken or unacknowledged, it
 * is not read, or its requests wait.
 */
import { type AddAuthRequest, Op, type ReadRequest, type Request, type WriteRequest, isWrite } from "@corral/protocol";
import type { Connection, Pending } from "../tables/connection.ts";
import type { World } from "../world.ts";
import { answerBytes } from "./answer-bytes.ts";
import type { Proposer } from "./propose.ts";
import { read } from "./read.ts";
import { CloseCode, goodbye, refuseRequest } from "./respond.ts";

/** Reading beyond this is put off to the next turn, unless a write in the log's hands waits for it. About 10 ms. */
const WORK_PER_TURN = 100_000;

/** Looks at what the connection has pending: proposes writes, answers reads whose turn it is. False if work is left over. */
export function pump(world: World, proposer: Proposer, connection: Connection): boolean {
  if (connection.state === "closing") return true;
  if (connection.isLive) {
    do propose(world, proposer, connection);
    while (answerReads(world, connection) && connection.unproposed < connection.pending.length);
  }
  regulate(world, connection);
  return world.work <= WORK_PER_TURN || connection.first()?.state !== "reading" || isFull(world, connection);
}

function propose(world: World, proposer: Proposer, connection: Connection): void {
  while (connection.unproposed < connection.pending.length) {
    if (!advance(world, proposer, connection, connection.pending[connection.unproposed]!)) return;
    connection.unproposed++;
  }
}

/** Gives a held request its next state; false if it has to wait, and all behind it. */
function advance(world: World, proposer: Proposer, connection: Connection, entry: Pending): boolean {
  const { request } = entry;
  const isChange = changes(request);
  if (!isChange && connection.proposed > 0) expectAnswer(world, connection, entry, request);
  if (!isChange && !needsBarrier(world, request)) {
    entry.state = "reading";
    return true;
  }
  const reason = overload(world, proposer, connection, request, isChange);
  if (reason !== undefined) {
    return refuse(world, connection, entry, reason, isChange);
  }
  // A repetition adds no reply to remember, and its answer is what the client waits for before it can acknowledge.
  const isRepetition = request.xid <= connection.session!.lastWrite;
  if (!isRepetition && hasTooManyUnacked(world, connection)) return false;
  if (isFull(world, connection, connection.answerBytes)) return false;
  entry.state = "proposed";
  connection.proposed++;
  proposer.request(connection, entry);
  return true;
}

const changes = (request: Request): request is WriteRequest | (AddAuthRequest & { readonly xid: number }) =>
  isWrite(request) || request.op === Op.addAuth;

/** Between two writes a read must be answered, whether there is room or not. So writes wait while much is to be answered before them. */
function expectAnswer(world: World, connection: Connection, entry: Pending, request: ReadRequest): void {
  if (entry.answerBytes > 0) return;
  entry.answerBytes = answerBytes(world, request);
  connection.answerBytes += entry.answerBytes;
}

/** A read that must see what others have been acknowledged goes behind a mark in the log, unless the log is ours alone. */
function needsBarrier(world: World, request: ReadRequest): boolean {
  if (world.isExclusive) return false;
  return request.op === Op.sync || ("consistency" in request && request.consistency === 1);
}

/** Why the request may not go to the log now; undefined if it may. A session can always be closed. */
function overload(
  world: World,
  proposer: Proposer,
  connection: Connection,
  request: Request,
  isChange: boolean,
): string | undefined {
  if (request.op === Op.close) return undefined;
  if (world.isDiskLow) return "disk";
  if (proposer.uncommittedBytes > world.limits.uncommittedBytes) return "uncommittedBytes";
  return isChange && connection.hasRefusedBefore(request.xid) ? "order" : undefined;
}

/** Later writes of the session must not overtake a refused one. False if the connection has ended with it. */
function refuse(world: World, connection: Connection, entry: Pending, reason: string, isChange: boolean): boolean {
  world.counters.overloads++;
  entry.state = "refused";
  entry.reason = reason;
  if (!isChange) return true;
  const limit = world.limits.inFlight;
  if (connection.noteRefused(entry.request.xid) <= limit) return true;
  // It was told, and went on and on: it sends nothing again.
  goodbye(world, connection, "OVERLOADED", CloseCode.overloaded, { name: "inFlight", limit });
  return false;
}

function hasTooManyUnacked(world: World, connection: Connection): boolean {
  const { results } = connection.session!;
  const { unackedReplies, unackedBytes } = world.limits;
  if (results.count + connection.proposed <= unackedReplies && results.bytes <= unackedBytes) return false;
  const above = results.above(connection.acked);
  return above.count + connection.proposed > unackedReplies || above.bytes > unackedBytes;
}

/** Does more wait to be taken by the client than is good? `expected`: bytes that are sure to come. */
function isFull(world: World, connection: Connection, expected = 0): boolean {
  return connection.unsent + connection.outbox.length + expected > world.limits.unsentBytesSoft;
}

/** Answers everything at the front that waits for nothing any more. True if there was something. */
export function answerReads(world: World, connection: Connection): boolean {
  let hasAnswered = false;
  for (let entry = connection.first(); entry !== undefined; entry = connection.first()) {
    if (entry.state === "reading") {
      // A write behind it may be applied next: it is now or never.
      const isDue = connection.proposed > 0;
      if (!isDue && (world.work > WORK_PER_TURN || isFull(world, connection))) return hasAnswered;
      if (isDue && connection.unsent + connection.outbox.length > world.limits.unsentBytesHard) {
        cutSlowConsumer(world, connection, "unsentBytesHard");
        return hasAnswered;
      }
      connection.takeFirst();
      read(world, connection, entry.request as ReadRequest);
    } else if (entry.state === "refused") {
      connection.takeFirst();
      refuseRequest(world, connection, entry.request.xid, "OVERLOADED", { name: entry.reason });
    } else return hasAnswered;
    hasAnswered = true;
  }
  return hasAnswered;
}

/** Whoever has taken nothing for too long, or too little. What they had no time to take while this process stood still does not count. */
export function cutIfSlow(world: World, connection: Connection): boolean {
  const { slowConsumerMs, unsentBytesHard } = world.limits;
  const isStuck = connection.unsent > 0 && world.awakeMs - connection.unsentSince > slowConsumerMs;
  if (connection.state !== "attached" || (!isStuck && connection.unsent <= unsentBytesHard)) return false;
  cutSlowConsumer(world, connection, isStuck ? "slowConsumerMs" : "unsentBytesHard");
  return true;
}

/** The client does not take what it is sent; what else is said to it would only fill memory. */
function cutSlowConsumer(world: World, connection: Connection, name: "slowConsumerMs" | "unsentBytesHard"): void {
  world.counters.slowConsumers++;
  goodbye(world, connection, "SLOW_CONSUMER", CloseCode.slowConsumer, { name, limit: world.limits[name] });
}

/** Reads from the socket only as long as there is room for what it brings. */
export function regulate(world: World, connection: Connection): void {
  if (connection.state === "closing") return;
  const { inFlight, inFlightBytes } = world.limits;
  const isCrowded =
    connection.pendingCount >= inFlight || connection.pendingBytes > inFlightBytes || isFull(world, connection);
  if (isCrowded === connection.isPaused) return;
  connection.isPaused = isCrowded;
  if (isCrowded) world.sink.pause(connection.id);
  else world.sink.resume(connection.id);
}
