/**
 * The sink: all that the engine can ask of the world. The driver carries it out; nothing here answers.
 */
import type { Batch } from "@corral/log";
import type { SnapshotCut } from "@corral/state-machine";

export interface Sink {
  /** One WebSocket message. The bytes are the sink's from now on. Tell `sent` when the connection has taken them. */
  send(connection: number, bytes: Uint8Array): void;
  /** Closes after everything sent before has gone out. `closed` will follow. */
  close(connection: number, code: number, reason: string): void;
  /** Stop reading from the connection, and go on. */
  pause(connection: number): void;
  resume(connection: number): void;
  /** Hands a batch to the log. */
  propose(batch: Batch): void;
  /** Begin writing this snapshot; tell `snapshotSaved` or `snapshotFailed`. */
  checkpoint(cut: SnapshotCut): void;
  /** Another turn is wanted soon: there is work that was put off for fairness. */
  again(): void;
}
