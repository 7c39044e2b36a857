export { LogError } from "./log.ts";
export type {
  Batch,
  CommittedBatch,
  Log,
  LogErrorCode,
  LogListener,
  Recovered,
  RecoveryListener,
  SnapshotSource,
  SnapshotWriter,
} from "./log.ts";
