/**
 * What a change looks like to a subscriber: by the rights of its session at the zxid of the change.
 */
import { EventType, type Identity, Permission, type Writer } from "@corral/protocol";
import { ACL_CHANGED, type HistoryEntry, type Options, allows } from "@corral/state-machine";

/** The type to send, or undefined if the session may not know. A znode that becomes readable looks created, one that ceases to be, deleted. */
export function visibleType(
  entry: HistoryEntry,
  identities: readonly Identity[],
  options: Options,
): number | undefined {
  const isReadable = allows(entry.acl, Permission.read, identities, options);
  if (entry.type !== ACL_CHANGED) return isReadable ? entry.type : undefined;
  const wasReadable = allows(entry.otherAcl!, Permission.read, identities, options);
  if (isReadable) return wasReadable ? EventType.changed : EventType.created;
  return wasReadable ? EventType.deleted : undefined;
}

/** `[type, path, data | nil, stat | nil]` */
export function writeChange(w: Writer, type: number, entry: HistoryEntry, withData: boolean): void {
  const isGone = type === EventType.deleted || entry.stat === undefined;
  w.array(4);
  w.int(type);
  w.raw(entry.path);
  if (isGone || !withData) w.nil();
  else w.raw(entry.data!);
  if (isGone) w.nil();
  else w.raw(entry.stat);
}
