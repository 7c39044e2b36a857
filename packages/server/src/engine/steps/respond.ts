/**
 * Respond: stop 9 in the life of a write, and the way out of everything else that is said to a client.
 *
 * A connection has one out-queue. What a turn adds to it leaves at the turn's end as one WebSocket message, or earlier
 * where it has grown large.
 */
import { type ErrorDetail, type ErrorName, Push, errorCode, writeDetail, writeRefusal } from "@corral/protocol";
import type { Connection } from "../tables/connection.ts";
import type { World } from "../world.ts";

/** A message that has grown so large is sent before the turn ends. */
const MESSAGE_BYTES = 512 * 1024;

/** WebSocket close codes; docs/protocol.md §6. */
export const CloseCode = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  policy: 1008,
  tooBig: 1009,
  overloaded: 1013,
  refused: 4001,
  authFailed: 4003,
  expired: 4004,
  slowConsumer: 4008,
  moved: 4010,
} as const;

/** Something was added to the connection's out-queue. */
export function touched(world: World, connection: Connection): void {
  if (!connection.isDirty) {
    connection.isDirty = true;
    world.dirty.push(connection);
  }
  if (connection.outbox.length > MESSAGE_BYTES) send(world, connection);
}

function send(world: World, connection: Connection): void {
  const bytes = connection.outbox.empty();
  if (bytes.length === 0) return;
  if (connection.unsent === 0) connection.unsentSince = world.awakeMs;
  connection.unsent += bytes.length;
  world.sink.send(connection.id, bytes);
}

/** At the end of a turn. */
export function flush(world: World): void {
  for (const connection of world.dirty) {
    connection.isDirty = false;
    send(world, connection);
  }
  world.dirty.length = 0;
}

/** A refusal as the answer to a request. */
export function refuseRequest(
  world: World,
  connection: Connection,
  xid: number,
  name: ErrorName,
  detail: ErrorDetail = {},
): void {
  writeRefusal(connection.out, xid, world.state.zxid, errorCode(name), detail);
  touched(world, connection);
}

/** Tells why, and closes. Nothing more is heard from the connection, nor said to it. */
export function goodbye(
  world: World,
  connection: Connection,
  name: ErrorName,
  code: number,
  detail: ErrorDetail = {},
): void {
  if (connection.state === "closing") return;
  const { out } = connection;
  out.array(4);
  out.int(Push.goodbye);
  out.int(world.state.zxid);
  out.int(errorCode(name));
  writeDetail(out, detail);
  touched(world, connection);
  close(world, connection, code, name);
}

/** Closes after what has been said. */
export function close(world: World, connection: Connection, code: number, reason: string): void {
  if (connection.state === "closing") return;
  release(world, connection);
  send(world, connection);
  world.sink.close(connection.id, code, reason);
}

/** No change is told to the connection any more. */
export function silence(world: World, connection: Connection): void {
  world.watches.removeAll(connection);
  for (const subscription of [...world.subscriptions.of(connection).values()]) {
    if (typeof subscription.walk === "object") subscription.walk.end(world.state.tree);
    world.subscriptions.remove(subscription);
  }
}

/** The connection counts no more: its watches and subscriptions go, its session has no connection here. */
export function release(world: World, connection: Connection): void {
  connection.state = "closing";
  silence(world, connection);
  connection.forgetPending();
  const session = connection.session;
  if (session !== undefined && world.attached.get(session.id) === connection) world.attached.delete(session.id);
}
