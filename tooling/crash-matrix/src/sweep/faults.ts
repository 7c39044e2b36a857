/**
 * Every single fault of a data directory: of each block of 512 bytes of each file, and of whole files.
 *
 * Owns what they do to a disk. Each says which bytes it touches, so that an oracle can say what still proves what.
 */
import type { Disk } from "@corral/log";
import { diskError, type MemoryDisk } from "@corral/log/testing";
import { drawFrom } from "@corral/testing/world";
import type { WrapDisk } from "../world.ts";
import type { Damage } from "./oracle.ts";
import type { SweepSource } from "./files.ts";

const BLOCK_BYTES = 512;

export interface Fault {
  /** Row of the table. */
  readonly kind: string;
  /** What it is, in words: kind, file, place. */
  readonly what: string;
  readonly damage: Damage;
  /** The file's length alone tells of it, whatever was lost with the rest. */
  readonly isShorter: boolean;
  /** Names besides the damaged file's that a refusal may point to: what was put where. */
  readonly alsoNamed: readonly string[];
  readonly apply: (disk: MemoryDisk) => void;
  /** Puts the fault into what the log sees of the disk. */
  readonly wrapDisk?: WrapDisk;
}

/** All of them, blocks first, the same each time for the same directory. */
export function faultsOf(source: SweepSource): {
  readonly blocks: readonly Fault[];
  readonly whole: readonly Fault[];
} {
  const names = Object.keys(source.files).toSorted();
  return {
    blocks: names.flatMap((name) => blockFaults(name, source)),
    whole: names.flatMap((name) => wholeFaults(name, names, source)),
  };
}

function blockFaults(file: string, { files, older }: SweepSource): Fault[] {
  const whole = files[file]!;
  const draw = drawFrom(whole.length, `flips ${file}`);
  const faults: Fault[] = [];
  for (let from = 0; from < whole.length; from += BLOCK_BYTES) {
    const to = Math.min(whole.length, from + BLOCK_BYTES);
    const was = whole.subarray(from, to);
    const replace = (kind: string, by: Uint8Array | undefined): void => {
      const first = was.findIndex((byte, index) => byte !== by?.[index]);
      if (by === undefined || first === -1) return;
      const last = was.findLastIndex((byte, index) => byte !== by[index]);
      const spoil = (disk: MemoryDisk): void => {
        const bytes = new Uint8Array(whole);
        bytes.set(by, from);
        disk.put(file, bytes);
      };
      faults.push(make(kind, file, from + first, from + last + 1, spoil));
    };
    const flipped = new Uint8Array(was);
    flipped[Math.floor(draw() * was.length)]! ^= 1 << Math.floor(draw() * 8);
    replace("bit flipped", flipped);
    replace("block zeroed", new Uint8Array(was.length));
    replace("block stale", older[file]?.slice(from, to));
    replace("block of a neighbour", neighbour(whole, from, was.length));
    faults.push({
      ...make("read error", file, from, to, () => {}),
      wrapDisk: (disk) => failingToRead(disk, file, from, to),
    });
  }
  return faults;
}

/** The next block, or for the last one the one before; undefined when there is none of that length. */
function neighbour(whole: Uint8Array, from: number, length: number): Uint8Array | undefined {
  const next = whole.slice(from + BLOCK_BYTES, from + BLOCK_BYTES + length);
  if (next.length === length) return next;
  return from >= BLOCK_BYTES ? whole.slice(from - BLOCK_BYTES, from - BLOCK_BYTES + length) : undefined;
}

function wholeFaults(file: string, names: readonly string[], { files, older, foreign }: SweepSource): Fault[] {
  const whole = files[file]!;
  const { length } = whole;
  const stem = file.split("-")[0]!;
  const alike = names.filter((other) => other !== file && other.startsWith(`${stem}-`));
  const faults = [
    make("file missing", file, 0, length, (disk) => disk.put(file, undefined)),
    { ...make("file empty", file, 0, length, (disk) => disk.put(file, new Uint8Array())), isShorter: true },
  ];
  for (const part of [
    1,
    100,
    BLOCK_BYTES,
    4_096,
    length / 4,
    length / 2,
    (length * 3) / 4,
    length - BLOCK_BYTES,
    length - 1,
  ]) {
    const to = Math.floor(part);
    if (to > 0 && to < length)
      faults.push({
        ...make("file cut short", file, to, length, (disk) => disk.put(file, whole.slice(0, to))),
        isShorter: true,
      });
  }
  if (older[file] !== undefined && Buffer.compare(older[file], whole) !== 0)
    faults.push(make("file stale", file, 0, length, (disk) => disk.put(file, older[file])));
  for (const other of alike) {
    const copied = make("file copied over", file, 0, length, (disk) => disk.put(file, files[other]));
    faults.push({ ...copied, what: `${copied.what} from ${other}`, alsoNamed: [other] });
    if (other < file) continue;
    const swapped = make("files swapped", file, 0, length, (disk) => {
      disk.put(file, files[other]);
      disk.put(other, whole);
    });
    faults.push({ ...swapped, what: `${swapped.what} with ${other}`, alsoNamed: [other] });
  }
  const stranger = foreign[file] ?? Object.entries(foreign).find(([name]) => name.startsWith(`${stem}-`))?.[1];
  if (stranger !== undefined)
    faults.push(make("file of another cluster", file, 0, length, (disk) => disk.put(file, stranger)));
  return faults;
}

function make(kind: string, file: string, from: number, to: number, apply: (disk: MemoryDisk) => void): Fault {
  return {
    kind,
    what: `${kind}: ${file}, bytes ${from} to ${to}`,
    damage: { file, from, to },
    isShorter: false,
    alsoNamed: [],
    apply,
  };
}

function failingToRead(disk: Disk, name: string, from: number, to: number): Disk {
  return {
    ...disk,
    open: async (opened, mode) => {
      const file = await disk.open(opened, mode);
      if (opened !== name) return file;
      const read = (into: Uint8Array, position: number): Promise<number> =>
        position < to && from < position + into.length
          ? Promise.reject(diskError("EIO", name))
          : file.read(into, position);
      return { ...file, read };
    },
  };
}
