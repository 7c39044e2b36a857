/**
 * What a disk may hold after the power has failed at a moment: everything that had been synced by then, and of the rest whatever it
 * pleases: whole writes, the beginnings or the ends of writes, some names and not others.
 *
 * Owns what a sync promises. Knows nothing of logs.
 */
import type { Draw } from "@corral/testing/world";
import type { FileId, Operation } from "./record.ts";

/** A write is torn at borders of sectors. */
const SECTOR = 512;

export type Image = ReadonlyMap<string, Buffer>;

/** `keep`: the share of what was not synced that is there nevertheless. */
export function imageAt(operations: readonly Operation[], moment: number, draw: Draw, keep: number): Image {
  const begun = operations.filter(({ begin }) => begin < moment);
  const over = begun.filter(({ end }) => end < moment);
  /** Syncs that are over, by what they sync: a promise for all that was over before they began. */
  const synced = (kind: "sync" | "sync names", file?: FileId): number =>
    Math.max(
      -1,
      ...over.flatMap((each) =>
        each.kind === kind && (file === undefined || ("file" in each && each.file === file)) ? [each.begin] : [],
      ),
    );
  const files = new Map<FileId, Buffer>();
  const syncedFiles = new Map<FileId, number>();
  for (const each of begun) {
    if (each.kind !== "write") continue;
    const { file, offset, bytes, isSynced, end } = each;
    if (!syncedFiles.has(file)) syncedFiles.set(file, synced("sync", file));
    const isDurable = (isSynced && end < moment) || end < syncedFiles.get(file)!;
    const [from, to] = isDurable ? [0, bytes.length] : part(bytes.length, offset, draw, keep);
    if (from < to) files.set(file, put(files.get(file) ?? Buffer.alloc(0), bytes.subarray(from, to), offset + from));
  }
  return named(begun, synced("sync names"), files, draw, keep);
}

/** Of a write that was not synced: all of it, nothing, its beginning or its end. */
function part(length: number, offset: number, draw: Draw, keep: number): readonly [number, number] {
  if (draw() < keep) return [0, length];
  const kind = draw();
  const border = Math.min(length, Math.max(0, Math.ceil((offset + draw() * length) / SECTOR) * SECTOR - offset));
  if (kind < 0.4) return [0, 0];
  return kind < 0.8 ? [0, border] : [border, length];
}

/** A file that is written beyond its end has zeros in between. */
function put(file: Buffer, bytes: Buffer, offset: number): Buffer {
  const size = Math.max(file.length, offset + bytes.length);
  const grown = size === file.length ? file : Buffer.concat([file, Buffer.alloc(size - file.length)]);
  bytes.copy(grown, offset);
  return grown;
}

function named(
  begun: readonly Operation[],
  syncedUntil: number,
  files: ReadonlyMap<FileId, Buffer>,
  draw: Draw,
  keep: number,
): Image {
  const names = new Map<string, FileId>();
  // A journal keeps the order: what comes after the first that is lost is lost too. Other disks do as they please.
  const isJournal = draw() < 0.5;
  let isLost = false;
  for (const each of begun) {
    if (each.kind !== "name") continue;
    const isKept = each.end < syncedUntil || ((!isJournal || !isLost) && draw() < Math.max(keep, 0.5));
    if (!isKept) {
      isLost = true;
      continue;
    }
    if (each.file === undefined) names.delete(each.name);
    else {
      // A name that arrives without the one it came from having ever been there.
      if (each.from !== undefined) names.delete(each.from);
      names.set(each.name, each.file);
    }
  }
  return new Map([...names].map(([name, file]) => [name, files.get(file) ?? Buffer.alloc(0)]));
}
