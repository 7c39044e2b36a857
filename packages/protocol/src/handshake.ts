/**
 * The first message each way. A client says Hello; the server answers Welcome, or Refused and closes.
 *
 * Hello   `["corral", versionMin, versionMax, clusterId | nil, lastZxid, timeoutMs, credentials, session]`
 *         with `session` one of `[0, secret]` new · `[1, id, secret, acked]` resume · `[2, oldId, oldSecret, secret]` replace
 * Welcome `[1, version, clusterId, sessionId, timeoutMs, zxid, resumed, limits]`
 * Refused `[0, code, detail]`
 */
import type { ErrorDetail } from "./error-code.ts";
import { ProtocolError, type Value } from "./frame.ts";
import type { ProtocolLimits } from "./limits.ts";
import { readDetail, writeDetail } from "./reply.ts";
import { Shape } from "./shape.ts";
import type { Writer } from "./writer.ts";

/** A secret is 16 random bytes or more, chosen by the client: whoever knows it may attach to the session. */
export const SECRET_BYTES_MIN = 16;
export const SECRET_BYTES_MAX = 64;
/** How many credentials one Hello may carry. */
export const CREDENTIALS_MAX = 16;

export type SessionWish =
  | { readonly kind: "new"; readonly secret: Uint8Array }
  /** `acked`: replies up to this xid have been received. */
  | { readonly kind: "resume"; readonly id: number; readonly secret: Uint8Array; readonly acked: number }
  /** Closes the old session, if it still lives, and opens a new one, in one transaction. */
  | { readonly kind: "replace"; readonly oldId: number; readonly oldSecret: Uint8Array; readonly secret: Uint8Array };

export interface Credential {
  readonly scheme: string;
  readonly credential: Uint8Array;
}

export interface Hello {
  readonly versionMin: number;
  readonly versionMax: number;
  /** The history that the client has seen; null if none. */
  readonly clusterId: string | null;
  /** The newest zxid that the client has seen; 0 if none. */
  readonly lastZxid: number;
  /** Wished; the server clamps it to its bounds. */
  readonly timeoutMs: number;
  readonly credentials: readonly Credential[];
  readonly session: SessionWish;
}

export interface Welcome {
  readonly version: number;
  readonly clusterId: string;
  readonly sessionId: number;
  /** Negotiated: the session expires when the server has heard nothing for so long. */
  readonly timeoutMs: number;
  readonly zxid: number;
  /** True if the session was there before. */
  readonly resumed: boolean;
  readonly limits: ProtocolLimits;
}

export interface Refused {
  readonly code: number;
  readonly detail: ErrorDetail;
}

const LIMITS: readonly (keyof ProtocolLimits)[] = [
  "frameBytes",
  "requestBytes",
  "valueBytes",
  "pageBytes",
  "inFlight",
  "pathBytes",
  "aclEntries",
  "multiOps",
];

export function writeHello(w: Writer, hello: Hello): void {
  w.array(8);
  w.str("corral");
  w.int(hello.versionMin);
  w.int(hello.versionMax);
  if (hello.clusterId === null) w.nil();
  else w.str(hello.clusterId);
  w.int(hello.lastZxid);
  w.int(hello.timeoutMs);
  w.array(hello.credentials.length);
  for (const { scheme, credential } of hello.credentials) {
    w.array(2);
    w.str(scheme);
    w.bin(credential);
  }
  const session = hello.session;
  switch (session.kind) {
    case "new":
      w.array(2);
      w.int(0);
      return w.bin(session.secret);
    case "resume":
      w.array(4);
      w.int(1);
      w.int(session.id);
      w.bin(session.secret);
      return w.int(session.acked);
    case "replace":
      w.array(4);
      w.int(2);
      w.int(session.oldId);
      w.bin(session.oldSecret);
      return w.bin(session.secret);
  }
}

export function readHello(value: Value): Hello {
  const s = new Shape(value, "Hello");
  if (s.str("name") !== "corral") throw new ProtocolError("the first message is not a Hello of Corral");
  const hello: Hello = {
    versionMin: s.natural("versionMin"),
    versionMax: s.natural("versionMax"),
    clusterId: s.strOrNil("clusterId"),
    lastZxid: s.natural("lastZxid"),
    timeoutMs: s.int("timeoutMs"),
    credentials: s.list("credentials", (item) => {
      const inner = new Shape(item, "the credential");
      return { scheme: inner.str("scheme"), credential: inner.bin("credential") };
    }),
    session: readWish(s.value("session")),
  };
  if (hello.credentials.length > CREDENTIALS_MAX) {
    throw new ProtocolError(`Hello has ${hello.credentials.length} credentials (CREDENTIALS_MAX: ${CREDENTIALS_MAX})`);
  }
  return hello;
}

function readWish(value: Value): SessionWish {
  const s = new Shape(value, "the session of Hello");
  const kind = s.int("kind");
  switch (kind) {
    case 0:
      return { kind: "new", secret: secret(s.bin("secret")) };
    case 1:
      return { kind: "resume", id: s.natural("id"), secret: s.bin("secret"), acked: s.natural("acked") };
    case 2:
      return {
        kind: "replace",
        oldId: s.natural("oldId"),
        oldSecret: s.bin("oldSecret"),
        secret: secret(s.bin("secret")),
      };
    default:
      throw new ProtocolError(`the session of Hello has the kind ${kind}`);
  }
}

function secret(bytes: Uint8Array): Uint8Array {
  if (bytes.length < SECRET_BYTES_MIN || bytes.length > SECRET_BYTES_MAX) {
    throw new ProtocolError(`the secret has ${bytes.length} bytes, not ${SECRET_BYTES_MIN} to ${SECRET_BYTES_MAX}`);
  }
  return bytes;
}

export function writeWelcome(w: Writer, welcome: Welcome): void {
  w.array(8);
  w.int(1);
  w.int(welcome.version);
  w.str(welcome.clusterId);
  w.int(welcome.sessionId);
  w.int(welcome.timeoutMs);
  w.int(welcome.zxid);
  w.bool(welcome.resumed);
  w.array(LIMITS.length);
  for (const name of LIMITS) w.int(welcome.limits[name]);
}

export function writeRefused(w: Writer, refused: Refused): void {
  w.array(3);
  w.int(0);
  w.int(refused.code);
  writeDetail(w, refused.detail);
}

/** The server's first message. Limits that a newer server adds are ignored. */
export function readWelcome(value: Value): Welcome | Refused {
  const s = new Shape(value, "Welcome");
  const kind = s.int("kind");
  if (kind === 0) return { code: s.int("code"), detail: readDetail(s.value("detail")) };
  if (kind !== 1) throw new ProtocolError(`the server's first message has the kind ${kind}`);
  return {
    version: s.natural("version"),
    clusterId: s.str("clusterId"),
    sessionId: s.natural("sessionId"),
    timeoutMs: s.natural("timeoutMs"),
    zxid: s.natural("zxid"),
    resumed: s.bool("resumed"),
    limits: readLimits(s.value("limits")),
  };
}

function readLimits(value: Value): ProtocolLimits {
  const s = new Shape(value, "the limits of Welcome");
  return Object.fromEntries(LIMITS.map((name) => [name, s.natural(name)])) as unknown as ProtocolLimits;
}
