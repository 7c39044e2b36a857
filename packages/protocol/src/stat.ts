/**
 * What is known of a znode beside its data. The fields, and their order on the wire, are ZooKeeper's.
 */
export interface Stat {
  /** Zxid of the transaction that created the znode. Grows from one life of a path to the next: a fencing token. */
  readonly czxid: number;
  /** Zxid of the last change of its data, or of its creation. */
  readonly mzxid: number;
  /** Log-clock time of the creation, milliseconds since 1970. */
  readonly ctime: number;
  /** Log-clock time of the last change of its data, milliseconds since 1970. */
  readonly mtime: number;
  /** Number of changes of its data. */
  readonly version: number;
  /** Number of creations and deletions among its children. */
  readonly cversion: number;
  /** Number of changes of its ACL. */
  readonly aversion: number;
  /** The session that owns the ephemeral, else 0. */
  readonly ephemeralOwner: number;
  /** Bytes of its data; 0 also when it has none. */
  readonly dataLength: number;
  readonly numChildren: number;
  /** Zxid of the last creation or deletion of a child, or its own czxid. */
  readonly pzxid: number;
}

/** How many numbers a Stat is on the wire. */
export const STAT_FIELDS = 11;

/** A Stat from its wire form. */
export function statFrom(fields: readonly number[]): Stat {
  if (fields.length !== STAT_FIELDS) throw new RangeError(`a Stat has ${STAT_FIELDS} fields, not ${fields.length}`);
  const [czxid, mzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner, dataLength, numChildren, pzxid] =
    fields as [number, number, number, number, number, number, number, number, number, number, number];
  return { czxid, mzxid, ctime, mtime, version, cversion, aversion, ephemeralOwner, dataLength, numChildren, pzxid };
}
