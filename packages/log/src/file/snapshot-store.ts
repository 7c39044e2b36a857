/**
 * Takes snapshots, and lets go of what they make unnecessary.
 *
 * Owns the order of steps: write, sync, read back and verify, rename, sync the directory, and only then remove. A snapshot
 * that fails is removed and never fatal. Removes nothing that one of the kept, verified snapshots needs.
 */

import { LogError, type SnapshotWriter } from "../log.ts";
import type { Disk, DiskFile } from "./disk.ts";
import { removeIfThere } from "./fill.ts";
import type { FileLogLimits } from "./limits.ts";
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES, segmentNumber } from "./segment.ts";
import { isNoSpace } from "./segment-supply.ts";
import {
  snapshotChunks,
  SnapshotEncoder,
  type SnapshotHeader,
  snapshotName,
  snapshotZxid,
  verifySnapshot,
} from "./snapshot-file.ts";
import type { LogWarning } from "./warning.ts";

/** So that the last sync does not have the whole snapshot before it, and appends behind it. */
const SYNC_EVERY_BYTES = 4 << 20;

export class SnapshotStore {
  readonly #disk: Disk;
  readonly #limits: FileLogLimits;
  readonly #warn: (warning: LogWarning) => void;
  /** Snapshots that were read and found sound by this process. */
  readonly #verified: Set<string> = new Set();
  #current: SnapshotWriter | undefined;

  constructor(disk: Disk, limits: FileLogLimits, warn: (warning: LogWarning) => void) {
    this.#disk = disk;
    this.#limits = limits;
    this.#warn = warn;
  }

  /** Whether every byte of a stored snapshot is sound; a string says what is not. */
  async verify(name: string): Promise<string | undefined> {
    const wrong = await verifySnapshot(this.#disk, name);
    if (wrong === undefined) this.#verified.add(name);
    return wrong;
  }

  isVerified(name: string): boolean {
    return this.#verified.has(name);
  }

  /** The bytes of a stored snapshot whose header is sound, checked on the way; see `snapshotChunks`. Once read to the end, it is verified. */
  async *read(name: string): AsyncGenerator<Uint8Array, void, undefined> {
    yield* snapshotChunks(this.#disk, name);
    this.#verified.add(name);
  }

  async create(header: SnapshotHeader): Promise<SnapshotWriter> {
    if (this.#current !== undefined) throw new Error("a snapshot is being written already");
    const name = snapshotName(header.zxid);
    const temporary = `${name}.tmp`;
    let file: DiskFile | undefined;
    let unsynced = 0;
    let settled = false;
    const drop = async (): Promise<void> => {
      settled = true;
      this.#current = undefined;
      try {
        await file?.close();
        await removeIfThere(this.#disk, temporary);
      } catch (error) {
        this.#warn({ kind: "background", step: `removing ${temporary}`, error });
      }
      file = undefined;
    };
    const orDrop = async (work: () => Promise<void>): Promise<void> => {
      if (settled) throw new Error(`snapshot ${name} is finished or aborted`);
      try {
        await work();
      } catch (error) {
        await drop();
        throw new LogError(isNoSpace(error) ? "NO_SPACE" : "IO_FAILED", `snapshot ${name} failed: ${String(error)}`, {
          cause: error,
        });
      }
    };
    let encoder: SnapshotEncoder;
    const writer: SnapshotWriter = {
      write: (chunk) =>
        orDrop(async () => {
          await encoder.write(chunk);
          unsynced += chunk.length;
          if (unsynced < SYNC_EVERY_BYTES) return;
          unsynced = 0;
          await file!.sync();
        }),
      finish: async () => {
        await orDrop(async () => {
          await encoder.end();
          await file!.sync();
          await file!.close();
          file = undefined;
          const wrong = await verifySnapshot(this.#disk, temporary);
          if (wrong !== undefined) throw new Error(`read back: ${wrong}`);
          await this.#disk.rename(temporary, name);
          await this.#disk.syncDirectory();
        });
        settled = true;
        this.#verified.add(name);
        try {
          await this.#letGo();
        } catch (error) {
          this.#warn({ kind: "background", step: "removing old files", error });
        }
        this.#current = undefined;
      },
      abort: async () => {
        if (!settled) await drop();
      },
    };
    this.#current = writer;
    await orDrop(async () => {
      await removeIfThere(this.#disk, temporary);
      file = await this.#disk.open(temporary, "create");
      encoder = new SnapshotEncoder(file);
      await encoder.begin(header);
    });
    return writer;
  }

  /** Forgets the snapshot that is being written, if there is one. */
  async close(): Promise<void> {
    await this.#current?.abort();
  }

  /** Older snapshots first, then segments in ascending order: whatever a crash leaves of this is recognised as harmless. */
  async #letGo(): Promise<void> {
    const names = await this.#disk.list();
    const snapshots = names.flatMap((name) => {
      const zxid = snapshotZxid(name);
      return zxid === undefined ? [] : [{ name, zxid }];
    });
    snapshots.sort((a, b) => b.zxid - a.zxid);
    let kept = 0;
    let oldest = 0;
    for (const { name, zxid } of snapshots) {
      if (kept === this.#limits.snapshotsKept) {
        await this.#disk.remove(name);
        this.#verified.delete(name);
      } else if (this.#verified.has(name) || (await this.verify(name)) === undefined) {
        kept += 1;
        oldest = zxid;
      }
    }
    // With fewer, the records from the first one on are the second way to the same state.
    if (kept < this.#limits.snapshotsKept) return;
    const segments = names.filter((name) => segmentNumber(name) !== undefined).sort();
    for (const [index, name] of segments.entries()) {
      const next = segments[index + 1];
      // All of a segment is in the snapshot when the next one begins at or before it.
      if (next === undefined || !((await this.#baseZxid(next)) <= oldest)) break;
      await this.#disk.remove(name);
    }
    await this.#disk.syncDirectory();
  }

  /** NaN when the segment has no sound header. */
  async #baseZxid(name: string): Promise<number> {
    const file = await this.#disk.open(name, "read");
    try {
      const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
      const found = decodeSegmentHeader(bytes.subarray(0, await file.read(bytes, 0)));
      return found.state === "good" ? found.header.base.zxid : Number.NaN;
    } finally {
      await file.close();
    }
  }
}
