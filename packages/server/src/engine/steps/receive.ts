/**
 * Receive: stop 3 in the life of a write. Bytes become requests: the whole frame is scanned and decoded before its first
 * request has any effect, and refused as a whole if anything in it is malformed.
 *
 * Any frame shows that the client lives.
 */
import {
  HELLO_BYTES_MAX,
  type Hello,
  Op,
  ProtocolError,
  type Request,
  type Signal,
  UnknownOperation,
  decodeFrame,
  readHello,
  readMessage,
} from "@corral/protocol";
import type { Connection } from "../tables/connection.ts";
import type { World } from "../world.ts";
import { refuse } from "./connect.ts";
import { CloseCode, close, goodbye, refuseRequest, touched } from "./respond.ts";

/** What a frame turned out to be. */
export type Received =
  | { readonly kind: "hello"; readonly hello: Hello }
  /** Requests were appended to the connection's pending ones. */
  | { readonly kind: "requests" }
  | { readonly kind: "nothing" };

/** A client's message after its Hello. */
type Message = Request | (Signal & { readonly xid: 0 });

const isSignal = (message: Message): message is Signal & { readonly xid: 0 } => message.xid === 0;

const NOTHING: Received = { kind: "nothing" };
const REQUESTS: Received = { kind: "requests" };

export function receive(world: World, connection: Connection, bytes: Uint8Array): Received {
  if (connection.state === "closing") return NOTHING;
  try {
    if (connection.state === "hello") return { kind: "hello", hello: hello(bytes) };
    if (connection.session !== undefined) world.sessionClock.heard(connection.session.id, world.now);
    const { values, ends } = decodeFrame(bytes);
    return admit(world, connection, bytes, values.map(readMessage), ends);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    refuseFrame(world, connection, error);
    return NOTHING;
  }
}

/** A stranger's first frame is small, and nothing but a Hello. */
function hello(bytes: Uint8Array): Hello {
  if (bytes.length > HELLO_BYTES_MAX) {
    throw new ProtocolError(`the first frame has ${bytes.length} bytes (HELLO_BYTES_MAX: ${HELLO_BYTES_MAX})`);
  }
  const { values } = decodeFrame(bytes);
  if (values.length !== 1)
    throw new ProtocolError(`the first frame holds ${values.length} messages instead of one Hello`);
  return readHello(values[0]!);
}

function admit(
  world: World,
  connection: Connection,
  bytes: Uint8Array,
  messages: readonly Message[],
  ends: readonly number[],
): Received {
  checkFrame(world, connection, messages, ends);
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i]!;
    if (isSignal(message)) signal(world, connection, message);
    else {
      const start = i === 0 ? 0 : ends[i - 1]!;
      connection.admit(message, bytes, start, ends[i]!);
      world.counters.requests++;
    }
  }
  return REQUESTS;
}

/** Numbers must grow, except that writes refused for overload may come again, in their order. */
function checkFrame(world: World, connection: Connection, messages: readonly Message[], ends: readonly number[]): void {
  let last = connection.lastXid;
  let lastAgain = 0;
  const limit = world.limits.requestBytes;
  for (let i = 0; i < messages.length; i++) {
    const { xid, op } = messages[i]!;
    const length = ends[i]! - (i === 0 ? 0 : ends[i - 1]!);
    if (length > limit) throw new ProtocolError(`request ${xid} has ${length} bytes (requestBytes: ${limit})`);
    if (xid === 0) continue;
    if (connection.wasRefused(xid) && xid > lastAgain) lastAgain = xid;
    else if (xid > last) last = xid;
    else throw new ProtocolError(`request ${xid} (operation ${op}) comes after ${last}`);
  }
}

function signal(world: World, connection: Connection, message: Signal): void {
  switch (message.op) {
    case Op.ping:
      connection.out.array(3);
      connection.out.int(0);
      connection.out.int(world.state.zxid);
      connection.out.int(0);
      return touched(world, connection);
    case Op.ack:
      connection.acked = Math.max(connection.acked, Math.min(message.acked, connection.lastXid));
      return;
    case Op.credit: {
      const subscription = world.subscriptions.of(connection).get(message.id);
      if (subscription === undefined) return;
      subscription.credits = Math.min(subscription.credits + message.credits, CREDITS_MAX);
      world.subscriptions.ready.add(subscription);
      return;
    }
  }
}

/** More credits than this are not counted. */
export const CREDITS_MAX = 1_000_000;

function refuseFrame(world: World, connection: Connection, error: ProtocolError): void {
  world.counters.protocolErrors++;
  const detail = { name: error.message };
  if (error instanceof UnknownOperation && connection.state === "attached") {
    refuseRequest(world, connection, error.xid, "UNIMPLEMENTED", detail);
    close(world, connection, CloseCode.protocolError, "UNIMPLEMENTED");
  } else if (connection.state === "attached")
    goodbye(world, connection, "PROTOCOL_ERROR", CloseCode.protocolError, detail);
  else refuse(world, connection, "PROTOCOL_ERROR", detail);
}
