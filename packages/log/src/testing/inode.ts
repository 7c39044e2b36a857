/**
 * A file of the memory disk: what a running process sees of it, what survives a crash, and the writes in between.
 *
 * Owns the bytes. Names, faults and lies are the disk's.
 */

/** Uniform in [0, 1). */
export type Draw = () => number;

/** What a crash makes of one change that was not synced. Only writes are torn, or make the file longer and do nothing else. */
export type Fate = "kept" | "lost" | "grown" | Torn;

export interface Torn {
  readonly sectorBytes: 512 | 4096;
  /** Asked for each sector in order: by its number within the write, and by the offset there at which it begins. */
  readonly keeps: (sector: number, offset: number) => boolean;
}

/** A change that was not synced. */
export interface Unsynced {
  /** Grows with each change of the disk. */
  readonly number: number;
  /** `name`: one was made, renamed or removed, and its directory not synced. */
  readonly kind: "name" | "write";
  readonly name: string;
  /** Where in the file a write begins, and its bytes; 0 for names. */
  readonly at: number;
  readonly length: number;
}

interface PendingWrite {
  readonly number: number;
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** A file, whatever its names are. */
export class Inode {
  seen: Uint8Array = new Uint8Array();
  durable: Uint8Array = new Uint8Array();
  /** Not synced, in order. */
  pending: PendingWrite[] = [];

  write(at: number, bytes: Uint8Array, number: number): void {
    this.seen = patched(this.seen, at, bytes);
    // What waits already shares its pages with this: it can only land with the newer bytes.
    this.pending = this.pending.map((before) => ({
      ...before,
      bytes: this.seen.slice(before.at, before.at + before.bytes.length),
    }));
    this.pending.push({ number, at, bytes });
  }

  /** In both images at once, and owed to nobody: where a write went astray to, or what was there before it. */
  place(at: number, bytes: Uint8Array): void {
    this.seen = patched(Uint8Array.from(this.seen), at, bytes);
    this.durable = patched(this.durable, at, bytes);
  }

  /** Makes the bytes that were written last durable, and nothing else: this is all that O_DSYNC promises. */
  syncLast(): void {
    const write = this.pending.pop();
    if (write !== undefined) this.durable = patched(this.durable, write.at, write.bytes);
  }

  sync(): void {
    for (const { at, bytes } of this.pending) this.durable = patched(this.durable, at, bytes);
    this.pending = [];
  }

  /** Only what is durable stays, and of the rest what `decide` says. */
  crash(name: string, decide: (change: Unsynced) => Fate): void {
    for (const { number, at, bytes } of this.pending)
      this.#survive(at, bytes, decide({ number, kind: "write", name, at, length: bytes.length }));
    this.pending = [];
    this.seen = new Uint8Array(this.durable);
  }

  /** This file as it is, to go on apart from it. */
  copy(): Inode {
    const copy = new Inode();
    copy.seen = new Uint8Array(this.seen);
    copy.durable = new Uint8Array(this.durable);
    // The bytes of a write never change: only the images do.
    copy.pending = [...this.pending];
    return copy;
  }

  #survive(at: number, bytes: Uint8Array, fate: Fate): void {
    if (fate === "lost") return;
    if (fate === "kept") this.durable = patched(this.durable, at, bytes);
    else if (fate === "grown") this.durable = patched(this.durable, at + bytes.length, new Uint8Array());
    else this.#tear(at, bytes, fate);
  }

  #tear(at: number, bytes: Uint8Array, { sectorBytes, keeps }: Torn): void {
    let sector = 0;
    for (let from = 0; from < bytes.length; sector += 1) {
      const to = Math.min(bytes.length, from + sectorBytes - ((at + from) % sectorBytes));
      if (keeps(sector, from)) this.durable = patched(this.durable, at + from, bytes.subarray(from, to));
      from = to;
    }
  }
}

function patched(image: Uint8Array, at: number, bytes: Uint8Array): Uint8Array {
  let into = image;
  if (at + bytes.length > image.length) {
    into = new Uint8Array(at + bytes.length);
    into.set(image);
  }
  into.set(bytes, at);
  return into;
}

/**
 * Names survive or do not. Sectors of a write that was under way survive together, up to a border, or each for itself; or it
 * only made the file longer.
 */
export function drawFate({ kind, length }: Unsynced, draw: Draw): Fate {
  const fate = draw();
  if (kind === "name") return fate < 0.5 ? "lost" : "kept";
  if (fate < 0.3) return "lost";
  if (fate < 0.6) return "kept";
  if (fate < 0.65) return "grown";
  const sectorBytes = draw() < 0.5 ? 512 : 4096;
  const prefix = draw() < 0.5 ? draw() * length : undefined;
  return { sectorBytes, keeps: (_sector, offset) => (prefix === undefined ? draw() < 0.5 : offset < prefix) };
}
