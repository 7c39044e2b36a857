export { APPLY_LEVEL, Applier } from "./apply.ts";
export type { Applied, Outcome } from "./apply.ts";
export type { Change } from "./context.ts";
export { DueIndex } from "./due-index.ts";
export { ACL_CHANGED, DEFAULT_HISTORY_LIMITS } from "./history.ts";
export type { History, HistoryEntry, HistoryLimits } from "./history.ts";
export { addressBytes } from "./ip-address.ts";
export { DEFAULT_OPTIONS, sameOptions } from "./options.ts";
export type { Options } from "./options.ts";
export { allows, maskDigests } from "./permission.ts";
export type { Refusal } from "./refusal.ts";
export { refuse } from "./refusal.ts";
export { Restorer } from "./restore.ts";
export type { Session } from "./session-table.ts";
export { SnapshotCut, digestOf } from "./snapshot.ts";
export { State } from "./state.ts";
export { Int, Kind, NIL, Real } from "./tree/rows.ts";
export { Tree } from "./tree/tree.ts";
export { Walk } from "./tree/walk.ts";
export { TxnKind, readTxns, requestHash, writeTxn, writeWriteTxn } from "./txn.ts";
export type {
  AddAuthTxn,
  AttachTxn,
  ExpireTxn,
  OpenTxn,
  OptionsTxn,
  Origin,
  ReapTxn,
  SyncTxn,
  Txn,
  WriteTxn,
} from "./txn.ts";
