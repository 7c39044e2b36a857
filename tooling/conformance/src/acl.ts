// ACLs as the model sees them: what a list becomes when it is stored, and whom it lets do what. Pure functions.
import { createHash } from "node:crypto";
import type { AclEntry } from "./operation.ts";

export const permission = { read: 1, write: 2, create: 4, delete: 8, admin: 16, all: 31 } as const;

export interface Identity {
  readonly scheme: string;
  readonly id: string;
}

export const openAcl: readonly AclEntry[] = [{ perms: permission.all, scheme: "world", id: "anyone" }];
/** Every session of the harness comes from here. */
export const loopback: Identity = { scheme: "ip", id: "127.0.0.1" };

/** The identity that passes every check on both servers, super:secret. */
export const superIdentity: Identity = { scheme: "digest", id: "super:lK75jTNcA+U9vtVEw5vB51mj/w4=" };

/** The id of a digest identity: the user and the hash of `user:password`. */
export function digestId(credentials: string): string {
  const user = credentials.slice(0, credentials.indexOf(":"));
  return `${user}:${createHash("sha1").update(credentials).digest("base64")}`;
}

/** The list as it is stored for a caller with these identities, or undefined if the list itself is bad. */
export function storedAcl(acl: readonly AclEntry[], identities: readonly Identity[]): readonly AclEntry[] | undefined {
  const unique = acl.filter((entry, index) => acl.findIndex((other) => same(entry, other)) === index);
  if (unique.length === 0) return undefined;
  const stored: AclEntry[] = [];
  for (const entry of unique) {
    if (entry.scheme === "auth") {
      const own = identities.filter(({ scheme }) => scheme === "digest");
      if (own.length === 0) return undefined;
      stored.push(...own.map(({ scheme, id }) => ({ perms: entry.perms, scheme, id })));
    } else if (isValid(entry)) stored.push(entry);
    else return undefined;
  }
  return stored;
}

export function allows(acl: readonly AclEntry[], wanted: number, identities: readonly Identity[]): boolean {
  if (identities.some(({ scheme }) => scheme === "super")) return true;
  return acl.some((entry) => (entry.perms & wanted) !== 0 && identities.some((identity) => matches(entry, identity)));
}

function matches(entry: AclEntry, identity: Identity): boolean {
  if (entry.scheme === "world") return true;
  if (entry.scheme !== identity.scheme) return false;
  return entry.scheme === "ip" ? inNetwork(entry.id, identity.id) : entry.id === identity.id;
}

function isValid({ scheme, id }: AclEntry): boolean {
  if (scheme === "world") return id === "anyone";
  if (scheme === "digest") return id.split(":").length === 2;
  return scheme === "ip" && network(id) !== undefined;
}

function inNetwork(range: string, address: string): boolean {
  const [net, own] = [network(range), network(address)];
  if (net === undefined || own === undefined) return false;
  const shift = 32 - net.bits;
  return shift === 32 || net.address >>> shift === own.address >>> shift;
}

function network(text: string): { readonly address: number; readonly bits: number } | undefined {
  const found = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text);
  if (found === null) return undefined;
  const parts = found.slice(1, 5).map(Number);
  const bits = found[5] === undefined ? 32 : Number(found[5]);
  if (bits > 32 || parts.some((part) => part > 255)) return undefined;
  return { address: parts.reduce((sum, part) => ((sum << 8) | part) >>> 0, 0), bits };
}

function same(one: AclEntry, other: AclEntry): boolean {
  return one.perms === other.perms && one.scheme === other.scheme && one.id === other.id;
}
