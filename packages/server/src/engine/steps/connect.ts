/**
 * Connect: the first frame of a connection. A session is opened, attached to or replaced by an entry in the log, like any
 * write; until that has been applied the connection executes nothing.
 */
import {
  type ErrorDetail,
  type ErrorName,
  type Hello,
  type Identity,
  PROTOCOL_VERSION,
  errorCode,
  writeRefused,
  writeWelcome,
} from "@corral/protocol";
import { type Session, type Txn, TxnKind } from "@corral/state-machine";
import type { Authenticator } from "../authenticator.ts";
import { protocolLimits } from "../limits.ts";
import type { Connection } from "../tables/connection.ts";
import type { World } from "../world.ts";
import { CloseCode, close, goodbye, touched } from "./respond.ts";

/** The entry that this Hello asks for; undefined if it was refused. */
export function connect(
  world: World,
  connection: Connection,
  hello: Hello,
  authenticator: Authenticator,
): Exclude<Txn, { kind: 0 }> | undefined {
  const refusal = check(world, hello);
  if (refusal !== undefined) {
    refuse(world, connection, refusal.name, refusal.detail);
    return undefined;
  }
  const identities: Identity[] = [{ scheme: "ip", id: connection.peer.address }, ...connection.peer.identities];
  for (const { scheme, credential } of hello.credentials) {
    const identity = authenticator.identify(scheme, credential);
    if (identity === undefined) {
      refuse(world, connection, "AUTH_FAILED", { name: scheme });
      return undefined;
    }
    const isKnown = identities.some(({ scheme: s, id }) => s === identity.scheme && id === identity.id);
    if (!isKnown) identities.push(identity);
  }
  connection.state = "attaching";
  if (hello.session.kind !== "resume") world.opening++;
  return txnOf(world, connection, hello, identities, authenticator);
}

function check(world: World, hello: Hello): { name: ErrorName; detail: ErrorDetail } | undefined {
  const { versionMin, versionMax, clusterId, lastZxid, session } = hello;
  const no = (name: ErrorName, detail: ErrorDetail = {}): { name: ErrorName; detail: ErrorDetail } => ({
    name,
    detail,
  });
  if (versionMin > PROTOCOL_VERSION || versionMax < PROTOCOL_VERSION) {
    return no("VERSION_UNSUPPORTED", { name: "version", limit: PROTOCOL_VERSION, actual: versionMax });
  }
  if (world.isDraining) return no("DRAINING");
  if (clusterId !== null && clusterId !== world.clusterId) return no("SERVER_WENT_BACK", { name: "clusterId" });
  if (lastZxid > world.state.zxid)
    return no("SERVER_WENT_BACK", { name: "zxid", limit: lastZxid, actual: world.state.zxid });
  if (session.kind === "resume") {
    // An end that is on its way may come to nothing, behind another attachment: the log decides.
    return world.state.sessions.get(session.id) === undefined ? no("SESSION_EXPIRED") : undefined;
  }
  const { sessions } = world.limits;
  if (world.state.sessions.count + world.opening >= sessions) {
    world.counters.overloads++;
    return no("OVERLOADED", { name: "sessions", limit: sessions });
  }
  return undefined;
}

function txnOf(
  world: World,
  connection: Connection,
  hello: Hello,
  identities: readonly Identity[],
  authenticator: Authenticator,
): Exclude<Txn, { kind: 0 }> {
  const { sessionTimeoutMsMin, sessionTimeoutMsMax } = world.limits;
  const timeoutMs = Math.max(sessionTimeoutMsMin, Math.min(sessionTimeoutMsMax, hello.timeoutMs));
  const origin = { daemon: world.daemonId, connection: connection.id };
  const { session } = hello;
  const secretHash = authenticator.sha256(session.secret);
  switch (session.kind) {
    case "resume":
      connection.acked = session.acked;
      return {
        kind: TxnKind.attach,
        origin,
        session: session.id,
        secretHash,
        timeoutMs,
        identities,
        acked: session.acked,
      };
    case "new":
      return { kind: TxnKind.open, origin, secretHash, timeoutMs, identities, replaces: null };
    case "replace": {
      const replaces = { session: session.oldId, secretHash: authenticator.sha256(session.oldSecret) };
      return { kind: TxnKind.open, origin, secretHash, timeoutMs, identities, replaces };
    }
  }
}

/** The open or attach entry was applied: greets the connection that asked, unless it is gone. */
export function welcome(world: World, connection: Connection | undefined, session: Session, resumed: boolean): void {
  world.sessionClock.start(session.id, session.timeoutMs, world.now);
  const former = world.attached.get(session.id);
  if (former !== undefined && former !== connection) goodbye(world, former, "SESSION_MOVED", CloseCode.moved);
  if (connection === undefined || connection.state !== "attaching") return;
  connection.state = "attached";
  connection.session = session;
  connection.generation = session.generation;
  world.attached.set(session.id, connection);
  writeWelcome(connection.out, {
    version: PROTOCOL_VERSION,
    clusterId: world.clusterId,
    sessionId: session.id,
    timeoutMs: session.timeoutMs,
    zxid: world.state.zxid,
    resumed,
    limits: protocolLimits(world.limits, world.state.options),
  });
  touched(world, connection);
}

/** Refused instead of Welcome; then the connection is closed. */
export function refuse(
  world: World,
  connection: Connection,
  name: ErrorName,
  detail: ErrorDetail = {},
  code: number = CLOSE_CODE_OF[name] ?? CloseCode.refused,
): void {
  if (connection.state === "closing") return;
  writeRefused(connection.out, { code: errorCode(name), detail });
  touched(world, connection);
  close(world, connection, code, name);
}

const CLOSE_CODE_OF: Partial<Record<ErrorName, number>> = {
  PROTOCOL_ERROR: CloseCode.protocolError,
  AUTH_FAILED: CloseCode.authFailed,
  SESSION_EXPIRED: CloseCode.expired,
  OVERLOADED: CloseCode.overloaded,
  DRAINING: CloseCode.goingAway,
};
