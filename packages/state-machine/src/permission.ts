/**
 * Who may do what: ZooKeeper's rules of ACL evaluation, and of what an ACL may say.
 */
import { type AclEntry, type Identity, OPEN_ACL } from "@corral/protocol";
import { addressMatches, isAddressPattern } from "./ip-address.ts";
import type { Options } from "./options.ts";
import { type Refusal, refuse } from "./refusal.ts";

/** Is any of these permissions granted to any of these identities? An empty ACL is open. */
export function allows(
  acl: readonly AclEntry[],
  permission: number,
  identities: readonly Identity[],
  options: Options,
): boolean {
  if (acl.length === 0) return true;
  for (const entry of acl) {
    if ((entry.permissions & permission) === 0) continue;
    if (entry.scheme === "world") return true;
    for (const identity of identities) if (matches(entry, identity)) return true;
  }
  return isSuper(identities, options);
}

function matches(entry: AclEntry, identity: Identity): boolean {
  if (entry.scheme !== identity.scheme) return false;
  return entry.scheme === "ip" ? addressMatches(entry.id, identity.id) : entry.id === identity.id;
}

/** Has the session an identity that passes every check? */
function isSuper(identities: readonly Identity[], options: Options): boolean {
  return options.superIdentities.some((wanted) =>
    identities.some(({ scheme, id }) => scheme === wanted.scheme && id === wanted.id),
  );
}

/**
 * The ACL to store for the one that was asked for: duplicates removed, `auth` replaced by the session's own identities.
 * INVALID_ACL where ZooKeeper says so.
 */
export function resolveAcl(
  acl: readonly AclEntry[],
  identities: readonly Identity[],
  options: Options,
  path: string,
): readonly AclEntry[] | Refusal {
  const tooMany = (entries: number): Refusal =>
    refuse("LIMIT_EXCEEDED", { path, name: "aclEntries", limit: options.aclEntries, actual: entries });
  if (acl.length > options.aclEntries) return tooMany(acl.length);
  // The very list of most creates: it is known to be valid, and the table of lists knows it again without looking into it.
  if (acl === OPEN_ACL) return acl;
  const resolved: AclEntry[] = [];
  const add = (entry: AclEntry): void => {
    const { permissions, scheme, id } = entry;
    const there = resolved.some((e) => e.permissions === permissions && e.scheme === scheme && e.id === id);
    if (!there) resolved.push({ permissions, scheme, id });
  };
  for (const entry of acl) {
    if (entry.scheme === "auth") {
      const own = identities.filter(({ scheme }) => scheme !== "ip");
      if (own.length === 0) return refuse("INVALID_ACL", { path, name: "auth" });
      for (const { scheme, id } of own) add({ permissions: entry.permissions, scheme, id });
    } else if (isValidId(entry)) add(entry);
    else return refuse("INVALID_ACL", { path, name: entry.scheme });
  }
  // One `auth` may have become many.
  if (resolved.length > options.aclEntries) return tooMany(resolved.length);
  return resolved.length === 0 ? refuse("INVALID_ACL", { path, name: "empty" }) : resolved;
}

function isValidId({ scheme, id }: AclEntry): boolean {
  switch (scheme) {
    case "world":
      return id === "anyone";
    case "digest":
      return id.split(":").length === 2;
    case "ip":
      return isAddressPattern(id);
    case "x509":
      return id.length > 0;
    default:
      return false;
  }
}

/** An ACL as someone with READ but not ADMIN may see it: digests are masked (CVE-2019-0201). */
export function maskDigests(acl: readonly AclEntry[]): readonly AclEntry[] {
  return acl.map((entry) =>
    entry.scheme === "digest" ? { ...entry, id: `${entry.id.slice(0, entry.id.indexOf(":"))}:x` } : entry,
  );
}
