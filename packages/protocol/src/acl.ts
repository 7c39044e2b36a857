/**
 * Access control lists, as ZooKeeper has them: a list of (permissions, scheme, id) on each znode, no inheritance, no denial.
 */

/** Permission bits (ZooDefs.Perms). */
export const Permission = { read: 1, write: 2, create: 4, delete: 8, admin: 16, all: 31 } as const;

/** Who somebody is: `digest` with `user:base64(sha1(user:password))`, `ip` with an address, `x509` with a subject … */
export interface Identity {
  readonly scheme: string;
  readonly id: string;
}

/** One line of an ACL: these permissions for whoever has this identity. */
export interface AclEntry extends Identity {
  /** Sum of {@link Permission} bits; kept as given. */
  readonly permissions: number;
}

/** Everyone may do everything: what a create without an ACL gets. */
export const OPEN_ACL: readonly AclEntry[] = [{ permissions: Permission.all, scheme: "world", id: "anyone" }];

/** Everyone may read. */
export const READ_ACL: readonly AclEntry[] = [{ permissions: Permission.read, scheme: "world", id: "anyone" }];
