/** What stands in a contender's znode: JSON, so that whoever looks at the tree can read who it is. */
import { type Codec, CorralError, type Random } from "@corral/client";
import { IDENTITY_BYTES_MAX } from "./limits.ts";
import type { RevokeRequest } from "./held.ts";

export interface ContenderData {
  /** Who it is, for people. */
  readonly identity: string;
  /** What the leader of an election proclaims. */
  readonly value?: Uint8Array | undefined;
  /** Somebody asks it to let go. */
  readonly revoke?: RevokeRequest | undefined;
}

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

/** The data of foreign contenders is taken as an identity: kazoo writes one, Curator an address. */
export const contenderData: Codec<ContenderData> = {
  name: "contender",
  encode: ({ identity, value, revoke }) =>
    utf8.encode(JSON.stringify({ identity, value: value === undefined ? undefined : toBase64(value), revoke })),
  decode: (bytes) => {
    const text = fromUtf8.decode(bytes ?? new Uint8Array());
    try {
      const read = JSON.parse(text) as { identity?: unknown; value?: unknown; revoke?: unknown };
      if (typeof read !== "object" || read === null || typeof read.identity !== "string") return { identity: text };
      return {
        identity: read.identity,
        ...(typeof read.value === "string" ? { value: fromBase64(read.value) } : {}),
        ...(isRequest(read.revoke) ? { revoke: read.revoke } : {}),
      };
    } catch {
      return { identity: text };
    }
  },
};

function isRequest(value: unknown): value is RevokeRequest {
  if (typeof value !== "object" || value === null) return false;
  const { by, why } = value as Record<string, unknown>;
  return typeof by === "string" && typeof why === "string";
}

/** Throws `BAD_ARGUMENTS` for one that is too long. */
export function checkIdentity(op: string, path: string, identity: string): string {
  const bytes = utf8.encode(identity).length;
  if (bytes <= IDENTITY_BYTES_MAX) return identity;
  throw new CorralError("BAD_ARGUMENTS", {
    op,
    detail: { path, name: "identity", limit: IDENTITY_BYTES_MAX, actual: bytes },
    means: "the identity is too long, in bytes of UTF-8",
  });
}

/** For those who give none: eight random hexadecimal digits. */
export function drawIdentity(random: Random): string {
  return Array.from(random(4), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const toBase64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
