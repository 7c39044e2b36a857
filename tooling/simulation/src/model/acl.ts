/** Who may do what, naively. Knows the schemes that the workload uses: world, digest, auth. */
import type { AclEntry, Identity } from "@corral/protocol";

export const OPEN: readonly AclEntry[] = [{ permissions: 31, scheme: "world", id: "anyone" }];
export const READ_ONLY: readonly AclEntry[] = [{ permissions: 1, scheme: "world", id: "anyone" }];

export const May = { read: 1, write: 2, create: 4, delete: 8, admin: 16 } as const;

export function may(acl: readonly AclEntry[], permission: number, identities: readonly Identity[]): boolean {
  return acl.some(
    (entry) =>
      (entry.permissions & permission) !== 0 &&
      (entry.scheme === "world" || identities.some(({ scheme, id }) => scheme === entry.scheme && id === entry.id)),
  );
}

/** What is stored for what was asked; undefined if it is not valid. */
export function stored(acl: readonly AclEntry[], identities: readonly Identity[]): readonly AclEntry[] | undefined {
  const list: AclEntry[] = [];
  for (const { permissions, scheme, id } of acl) {
    const entries =
      scheme === "auth"
        ? identities.filter((own) => own.scheme !== "ip").map((own) => ({ permissions, ...own }))
        : [{ permissions, scheme, id }];
    if (entries.length === 0) return undefined;
    for (const entry of entries)
      if (!list.some((known) => JSON.stringify(known) === JSON.stringify(entry))) list.push(entry);
  }
  return list.length === 0 ? undefined : list;
}
