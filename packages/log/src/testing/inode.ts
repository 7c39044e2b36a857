/**
 * A file of the memory disk: what a running process sees of it, what survives a crash, and the writes in between.
 *
 * Owns the bytes. Names, faults and lies are the disk's.
 */

/** Uniform in [0, 1). */
export type Draw = () => number;

interface PendingWrite {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** A file, whatever its names are. */
export class Inode {
  seen: Uint8Array = new Uint8Array();
  durable: Uint8Array = new Uint8Array();
  /** Not synced, in order. */
  pending: PendingWrite[] = [];

  write(at: number, bytes: Uint8Array): void {
    this.seen = patched(this.seen, at, bytes);
    // What waits already shares its pages with this: it can only land with the newer bytes.
    this.pending = this.pending.map((before) => ({
      at: before.at,
      bytes: this.seen.slice(before.at, before.at + before.bytes.length),
    }));
    this.pending.push({ at, bytes });
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

/** Sectors of one write that was under way survive together, up to a border, or each for itself; or it only grew the file. */
export function survive(inode: Inode, at: number, bytes: Uint8Array, draw: Draw): void {
  const fate = draw();
  if (fate < 0.3) return;
  if (fate < 0.6) {
    inode.durable = patched(inode.durable, at, bytes);
    return;
  }
  if (fate < 0.65) {
    inode.durable = patched(inode.durable, at + bytes.length, new Uint8Array());
    return;
  }
  const sector = draw() < 0.5 ? 512 : 4096;
  const prefix = draw() < 0.5 ? draw() * bytes.length : undefined;
  for (let from = 0; from < bytes.length;) {
    const to = Math.min(bytes.length, from + sector - ((at + from) % sector));
    const kept = prefix === undefined ? draw() < 0.5 : from < prefix;
    if (kept) inode.durable = patched(inode.durable, at + from, bytes.subarray(from, to));
    from = to;
  }
}
