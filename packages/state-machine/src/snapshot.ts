/**
 * Snapshots, exact at one zxid, written while the state goes on changing.
 *
 * A cut is taken between two entries. From then on the first change of an item that has not been written yet leaves a
 * before-image; items made after the cut are recognised by their zxid. So what is written is the state at the cut, and
 * nothing stops for it: each call of `next` writes a small piece.
 *
 * The images are bounded (`imageBytesMax`): beyond, the snapshot is abandoned, to be tried again later.
 */
import { type AclEntry, Writer } from "@corral/protocol";
import { CHECKSUM_START, Digest, checksum } from "./digest.ts";
import type { HistoryEntry } from "./history.ts";
import type { Session } from "./session-table.ts";
import {
  digestOptions,
  writeAclRecord,
  writeEnd,
  writeHead,
  writeHistory,
  writeHistorySince,
  writeSession,
  writeZnode,
} from "./snapshot-records.ts";
import type { State } from "./state.ts";
import type { TreeJournal, ZnodeImage } from "./tree/journal.ts";

/** A piece ends after so many bytes or items, whichever comes first. */
const PIECE_BYTES = 64 * 1024;
/** Small ones are about 0.15 ms of work: clients wait for no more than that. */
const PIECE_ITEMS = 64;
/** Entries of the history cost a quarter of a znode each. */
const PIECE_ENTRIES = 256;

/** Its numbers are those of one snapshot. */
class AclNumbers {
  readonly #numbers = new Map<readonly AclEntry[], number>();

  /** The number of a list, which is written first if it is new. */
  of(acl: readonly AclEntry[], w: Writer): number {
    const known = this.#numbers.get(acl);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    this.#numbers.set(acl, number);
    writeAclRecord(w, number, acl);
    return number;
  }
}

export class SnapshotCut implements TreeJournal {
  /** The state that this snapshot is of: every entry up to and including this zxid. */
  readonly zxid: number;
  readonly #state: State;
  readonly #imageBytesMax: number;
  readonly #timeMs: number;
  readonly #options: State["options"];
  readonly #digest = new Digest();
  readonly #acls = new AclNumbers();
  readonly #pieces: Iterator<Uint8Array>;
  readonly #sessionIds: number[];
  /** Records of sessions that changed before they were written; null: written. */
  readonly #sessionImages = new Map<number, Uint8Array | null>();
  readonly #images = new Map<number, ZnodeImage>();
  #imageBytes = 0;
  /** Slots below have been written. */
  #cursor = 0;
  readonly #slots: number;
  #abandoned = false;
  #checksum = CHECKSUM_START;

  constructor(state: State, imageBytesMax: number) {
    this.#state = state;
    this.#imageBytesMax = imageBytesMax;
    this.zxid = state.zxid;
    this.#timeMs = state.timeMs;
    this.#options = state.options;
    this.#sessionIds = state.sessions.ids();
    this.#slots = state.tree.rows.end;
    if (state.sessions.journal !== undefined) throw new Error("a snapshot is being written already");
    state.tree.journals.push(this);
    state.sessions.journal = this;
    this.#pieces = this.#write();
  }

  /** How much of the znodes has been written, 0 to 1. */
  get progress(): number {
    return this.#slots === 0 ? 1 : this.#cursor / this.#slots;
  }

  /** How much of the room for before-images is taken, 0 to 1. */
  get pressure(): number {
    return this.#imageBytes / this.#imageBytesMax;
  }

  /** How many entries were applied since the cut: what a restart from this snapshot would have to repeat. */
  get behind(): number {
    return this.#state.zxid - this.zxid;
  }

  /** Too much changed while it was written: `next` gives nothing any more. */
  get isAbandoned(): boolean {
    return this.#abandoned;
  }

  /** The digest of the state; after the last piece. */
  get digest(): string {
    return this.#digest.value;
  }

  /** The next piece, or undefined at the end. */
  next(): Uint8Array | undefined {
    const piece = this.#abandoned ? undefined : this.#pieces.next();
    if (piece !== undefined && piece.done !== true) return piece.value;
    this.end();
    return undefined;
  }

  /** Stops keeping before-images. Must be called, also when the snapshot is given up. */
  end(): void {
    const { tree, sessions } = this.#state;
    const at = tree.journals.indexOf(this);
    if (at >= 0) tree.journals.splice(at, 1);
    if (sessions.journal === this) sessions.journal = undefined;
    this.#images.clear();
    this.#sessionImages.clear();
  }

  // Before-images

  created(): void {
    // Its czxid is above the cut.
  }

  changing(slot: number): void {
    const { tree } = this.#state;
    if (this.#abandoned || slot < this.#cursor || slot >= this.#slots) return;
    if (this.#images.has(slot) || tree.czxid(slot) > this.zxid) return;
    this.#images.set(slot, tree.image(slot));
    this.#imageBytes += 300 + Math.max(0, tree.dataLength(slot));
    if (this.#imageBytes > this.#imageBytesMax) this.#abandon();
  }

  removing(slot: number): void {
    this.changing(slot);
  }

  sessionChanging(session: Session): void {
    if (this.#abandoned || session.id > this.zxid || this.#sessionImages.has(session.id)) return;
    const w = new Writer(512);
    writeSession(w, session, this.#digest);
    this.#imageBytes += w.length;
    this.#sessionImages.set(session.id, w.take());
    if (this.#imageBytes > this.#imageBytesMax) this.#abandon();
  }

  /** It stays among the journals until `end`: it is being told of a change by a loop over them. */
  #abandon(): void {
    this.#abandoned = true;
    this.#images.clear();
    this.#sessionImages.clear();
  }

  // Writing

  *#write(): IterableIterator<Uint8Array> {
    const w = new Writer(PIECE_BYTES * 2);
    writeHead(w, this.zxid, this.#timeMs, this.#options);
    digestOptions(this.#digest, this.#options);
    let items = 0;
    for (const id of this.#sessionIds) {
      this.#writeSession(w, id);
      if (++items % PIECE_ITEMS === 0 || w.length > PIECE_BYTES) yield this.#framed(w);
    }
    let znodes = 0;
    while (this.#cursor < this.#slots) {
      if (this.#writeZnode(w, this.#cursor++)) znodes++;
      if (this.#cursor % PIECE_ITEMS === 0 || w.length > PIECE_BYTES) yield this.#framed(w);
    }
    yield* this.#writeHistory(w);
    writeEnd(w, znodes, this.#sessionIds.length, this.#digest.value);
    yield this.#framed(w);
  }

  #writeSession(w: Writer, id: number): void {
    const image = this.#sessionImages.get(id);
    if (image !== undefined && image !== null) w.raw(image);
    else writeSession(w, this.#state.sessions.get(id)!, this.#digest);
    this.#sessionImages.set(id, null);
  }

  #writeZnode(w: Writer, slot: number): boolean {
    const { tree } = this.#state;
    let image = this.#images.get(slot);
    if (image === undefined) {
      if (!tree.isLive(slot) || tree.czxid(slot) > this.zxid) return false;
      // A copy of the data would be half of the work, for an array that is needed no longer than until the next line but one.
      image = tree.glance(slot);
    }
    this.#images.delete(slot);
    writeZnode(w, image, this.#acls.of(image.acl, w), this.#digest);
    return true;
  }

  /** What is still remembered of the time up to the cut. Where it is forgotten faster than written, it begins anew. */
  *#writeHistory(w: Writer): IterableIterator<Uint8Array> {
    const { history } = this.#state;
    let from = -1;
    for (;;) {
      if (from < history.since) {
        from = Math.min(history.since, this.zxid);
        writeHistorySince(w, from);
      }
      let items = 0;
      for (const entry of history.after(Math.max(from, history.since))) {
        if (entry.zxid > this.zxid) break;
        // A piece ends between two zxids only, so that the next can begin after the last.
        if (entry.zxid !== from && (items >= PIECE_ENTRIES || w.length > PIECE_BYTES)) break;
        this.#writeEntry(w, entry);
        from = entry.zxid;
        items++;
      }
      if (items === 0) return;
      yield this.#framed(w);
    }
  }

  #writeEntry(w: Writer, entry: HistoryEntry): void {
    const acl = this.#acls.of(entry.acl, w);
    const before = entry.otherAcl === undefined ? -1 : this.#acls.of(entry.otherAcl, w);
    writeHistory(w, entry, acl, before);
  }

  /** A piece with its length before it, so that the reader need not find where records end, and a checksum over all so far. */
  #framed(w: Writer): Uint8Array {
    const body = w.written();
    this.#checksum = checksum(this.#checksum, body);
    const piece = new Uint8Array(8 + body.length);
    const view = new DataView(piece.buffer);
    view.setUint32(0, body.length);
    view.setInt32(4, this.#checksum);
    piece.set(body, 8);
    w.clear();
    return piece;
  }
}

/** The digest of a state as it is now: the walk of a snapshot, without writing it anywhere. For tests and tools. */
export function digestOf(state: State): string {
  const cut = new SnapshotCut(state, Number.MAX_SAFE_INTEGER);
  while (cut.next() !== undefined);
  return cut.digest;
}
