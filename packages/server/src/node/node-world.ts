/** The world of a Node process: its clocks, its loop, its cryptography. */
import { createHash, randomInt } from "node:crypto";
import type { Identity } from "@corral/protocol";
import type { Authenticator } from "../engine/authenticator.ts";
import type { Clock, Scheduler } from "../world.ts";

export const nodeClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
};

export const nodeScheduler: Scheduler = {
  soon: (call) => void setImmediate(call),
  every(ms, call) {
    const timer = setInterval(call, ms);
    return () => clearInterval(timer);
  },
};

/** SHA-256 for secrets; ZooKeeper's digest scheme, `user:password`, for credentials. */
export const nodeAuthenticator: Authenticator = {
  sha256: (bytes) => createHash("sha256").update(bytes).digest(),
  identify: (scheme, credential) => (scheme === "digest" ? digestIdentity(credential) : undefined),
};

/** A credential is 1 KiB at most, and names a user before its first colon. */
const CREDENTIAL_BYTES_MAX = 1024;

function digestIdentity(credential: Uint8Array): Identity | undefined {
  if (credential.length > CREDENTIAL_BYTES_MAX) return undefined;
  const text = Buffer.from(credential).toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 1) return undefined;
  return { scheme: "digest", id: digestId(text.slice(0, colon), text.slice(colon + 1)) };
}

/** The id of an ACL entry for this user and password: `user:base64(sha1(user:password))`. */
export function digestId(user: string, password: string): string {
  return `${user}:${createHash("sha1").update(`${user}:${password}`).digest("base64")}`;
}

/** For `daemonId`. */
export const randomDaemonId = (): number => randomInt(1, 2 ** 47);
