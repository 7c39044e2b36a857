/**
 * Operation numbers. ZooKeeper's (ZooDefs.OpCode) where it has the operation; ours begin at 200.
 */
export const Op = {
  create: 1,
  delete: 2,
  exists: 3,
  get: 4,
  set: 5,
  getAcl: 6,
  setAcl: 7,
  children: 8,
  sync: 9,
  ping: 11,
  check: 13,
  multi: 14,
  checkWatches: 17,
  removeWatches: 18,
  multiRead: 22,
  addAuth: 100,
  ephemerals: 103,
  countDescendants: 104,
  setWatches: 105,
  addWatch: 106,
  whoAmI: 107,
  close: -11,
  /** Like multi, but once the guards hold each operation succeeds or is refused by itself. */
  multiEach: 200,
  subscribe: 201,
  unsubscribe: 202,
  /** Outside a session's order (xid 0, no reply): grants a subscription more messages. */
  credit: 203,
  /** Outside a session's order (xid 0, no reply): which replies have been received. */
  ack: 204,
  deleteTree: 205,
} as const;

export type Op = (typeof Op)[keyof typeof Op];

const names = new Map<number, string>(Object.entries(Op).map(([name, op]) => [op, name]));

/** The name of an operation for messages to people; its number when unknown. */
export const opName = (op: number): string => names.get(op) ?? `operation ${op}`;

/** How a znode lives and how its name is made. Numbers are ZooKeeper's CreateMode flags. */
export const CreateMode = {
  persistent: 0,
  ephemeral: 1,
  persistentSequential: 2,
  ephemeralSequential: 3,
  container: 4,
  persistentWithTtl: 5,
  persistentSequentialWithTtl: 6,
} as const;
export type CreateMode = (typeof CreateMode)[keyof typeof CreateMode];

export const isSequential = (mode: number): boolean =>
  mode === CreateMode.persistentSequential ||
  mode === CreateMode.ephemeralSequential ||
  mode === CreateMode.persistentSequentialWithTtl;

export const isEphemeral = (mode: number): boolean =>
  mode === CreateMode.ephemeral || mode === CreateMode.ephemeralSequential;

export const hasTtl = (mode: number): boolean =>
  mode === CreateMode.persistentWithTtl || mode === CreateMode.persistentSequentialWithTtl;

/** Flags of a create. */
export const CreateFlag = {
  /** Missing ancestors are created first, persistent, without data, with the ACL given. */
  parents: 1,
} as const;

/** What a check (in a multi) or a guard (of any write) compares. */
export const CheckKind = {
  /** Data version; -1 accepts any version of an existing znode. ZooKeeper's check. */
  version: 0,
  /** The transaction that created it: tells a znode from a later one of the same name. */
  czxid: 1,
  /** The transaction that last changed its data. */
  mzxid: 2,
  /** The session that owns the ephemeral. */
  owner: 3,
  /** The znode must not exist; the value is ignored. */
  absent: 4,
} as const;
export type CheckKind = (typeof CheckKind)[keyof typeof CheckKind];

/** What happened to a znode. Numbers are ZooKeeper's Watcher.Event.EventType. */
export const EventType = { created: 1, deleted: 2, changed: 3, children: 4 } as const;
export type EventType = (typeof EventType)[keyof typeof EventType];

/** Modes of addWatch: ZooKeeper's AddWatchMode. */
export const WatchMode = { persistent: 0, persistentRecursive: 1 } as const;
export type WatchMode = (typeof WatchMode)[keyof typeof WatchMode];

/** Which watches checkWatches and removeWatches mean: ZooKeeper's Watcher.WatcherType. */
export const WatcherType = { children: 1, data: 2, any: 3, persistent: 4, persistentRecursive: 5 } as const;
export type WatcherType = (typeof WatcherType)[keyof typeof WatcherType];

/** What is registered again by setWatches after a reconnect. */
export const WatchKind = { data: 0, exist: 1, child: 2, persistent: 3, recursive: 4 } as const;
export type WatchKind = (typeof WatchKind)[keyof typeof WatchKind];

/** How fresh a read must be. */
export const Consistency = {
  /** Never older than what this session has seen. */
  session: 0,
  /** Not older than any write acknowledged to anyone before the read was sent. */
  linearizable: 1,
} as const;
export type Consistency = (typeof Consistency)[keyof typeof Consistency];

/** What `children` returns of each child. */
export const Include = { names: 0, stat: 1, data: 2 } as const;
export type Include = (typeof Include)[keyof typeof Include];

/** What part of the tree a subscription covers. */
export const Scope = { tree: 0, node: 1, children: 2 } as const;
export type Scope = (typeof Scope)[keyof typeof Scope];

/** Flags of a subscription. */
export const SubscribeFlag = {
  /** Ends by itself at `synced`: a read of a subtree, consistent at the zxid of `synced`. */
  once: 1,
  /** Leaves out data; Stats are sent all the same. */
  withoutData: 2,
} as const;

/** Kinds of subscription message. */
export const SubscriptionKind = {
  /** Znodes as they are now; they replace what was known of those paths. */
  page: 0,
  /** The changes of one zxid, or the last part of them. */
  changes: 1,
  /** A part of the changes of one zxid; more of the same zxid follows. */
  changesPart: 2,
  /** What has been sent so far is the exact state at this zxid. */
  synced: 3,
  /** What was known is void: the history no longer reaches back far enough. Pages follow. */
  resync: 4,
} as const;
export type SubscriptionKind = (typeof SubscriptionKind)[keyof typeof SubscriptionKind];
