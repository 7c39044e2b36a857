/**
 * What the file log asks of a disk: one flat directory of files.
 *
 * Owns the words only. Every call names what it touches and promises no more than a real disk does, so that a twin
 * that loses, tears and refuses fits on a page. A refusal of the disk is an Error whose `code` is the system's
 * (`ENOSPC`, `EIO` …).
 */

/**
 * `create`: a file that must not be there yet. `write`: an existing one. `durable`: an existing one whose every `write`
 * resolves only when its bytes are on the disk. `read`: an existing one, never changed.
 */
export type OpenMode = "create" | "write" | "durable" | "read";

export interface Disk {
  /** Where this is, for messages. */
  readonly place: string;
  /** Makes the directory if it is missing; its name is durable when this resolves. */
  createDirectory(): Promise<void>;
  /** Every name in the directory, in no order; none when the directory is missing. */
  list(): Promise<string[]>;
  open(name: string, mode: OpenMode): Promise<DiskFile>;
  /** Replaces `to` if it is there. Durable only after `syncDirectory`. */
  rename(from: string, to: string): Promise<void>;
  /** Durable only after `syncDirectory`. */
  remove(name: string): Promise<void>;
  /** Makes every name durable that was created, renamed or removed before. */
  syncDirectory(): Promise<void>;
  /** Bytes a user process can still write, and bytes there are in all. */
  space(): Promise<{ free: number; total: number }>;
}

export interface DiskFile {
  readonly name: string;
  size(): Promise<number>;
  /** Fills `into` from `position`; the number is smaller than its length only at the end of the file. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Writes all pieces, one behind the other, or throws. Durable only after `sync`, unless the file was opened `durable`. */
  write(pieces: readonly Uint8Array[], position: number): Promise<void>;
  /** Makes content and size durable; not the name. */
  sync(): Promise<void>;
  close(): Promise<void>;
}
