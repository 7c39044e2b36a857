/**
 * What a data directory's bytes prove, read a second time and without the log's code: where each record stands, and which
 * records anything outside of a damaged stretch says were durable.
 *
 * Owns a naive reading of the format, without checksums: it is only ever given files that are whole. Judges nothing.
 */

const HEADER_BYTES = 4_096;
/** Of the header; behind them stands nothing. */
const CHECKED_BYTES = 128;
const FRAME_BYTES = 32;
const MARK = 2;
const BATCH = 1;

/** Bytes of a file that a fault touches. */
export interface Damage {
  readonly file: string;
  readonly from: number;
  readonly to: number;
}

interface Frame {
  readonly file: string;
  readonly at: number;
  /** Behind its record, without the gap. */
  readonly end: number;
  /** Of a batch; 0 for marks and seals. */
  readonly seq: number;
  readonly lastZxid: number;
  readonly durableSeq: number;
}

export class Oracle {
  readonly #frames: Frame[] = [];
  /** Stretches that say that the log had come to a seq: headers of segments, and snapshots as a whole. */
  readonly #witnesses: (Damage & { readonly seq: number })[] = [];

  constructor(files: Readonly<Record<string, Uint8Array>>) {
    for (const name of Object.keys(files).toSorted()) if (/^log-\d+$/.test(name)) this.#readSegment(name, files[name]!);
    for (const name of Object.keys(files)) {
      const zxid = Number(/^snapshot-(\d+)$/.exec(name)?.[1] ?? Number.NaN);
      if (Number.isNaN(zxid)) continue;
      const seq = Math.max(0, ...this.#batches.filter(({ lastZxid }) => lastZxid <= zxid).map((batch) => batch.seq));
      this.#witnesses.push({ file: name, from: 0, to: files[name]!.length, seq });
    }
  }

  get #batches(): readonly Frame[] {
    return this.#frames.filter(({ seq }) => seq > 0);
  }

  /** Frames with a record, in all. */
  get records(): number {
    return this.#batches.length;
  }

  /**
   * The zxid up to which a log may be cut off when these bytes are gone: before the first record that they touch, if nothing
   * else says that this record was durable. Undefined when it may not be cut.
   */
  mayCutTo(damage: Damage): number | undefined {
    const batches = this.#batches;
    const hit = batches.findIndex(
      (batch) => touches(damage, batch.file, batch.at, batch.end) || touches(damage, batch.file, 0, CHECKED_BYTES),
    );
    const first = batches[hit];
    if (first === undefined || first.seq <= this.#proven(damage)) return undefined;
    return batches[hit - 1]?.lastZxid ?? 0;
  }

  #proven(damage: Damage): number {
    const frames = this.#frames.filter(({ file, at }) => !touches(damage, file, at, at + FRAME_BYTES));
    const witnesses = this.#witnesses.filter(({ file, from, to }) => !touches(damage, file, from, to));
    return Math.max(0, ...frames.map(({ durableSeq }) => durableSeq), ...witnesses.map(({ seq }) => seq));
  }

  #readSegment(name: string, bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const integer = (at: number): number => Number(view.getBigUint64(at, true));
    if (bytes[0] === 0) return;
    this.#witnesses.push({ file: name, from: 0, to: CHECKED_BYTES, seq: integer(56) });
    for (let at = HEADER_BYTES; at + FRAME_BYTES <= bytes.length;) {
      const type = bytes[at + 28];
      if (type === 0) return;
      const length = view.getUint32(at + 4, true);
      const record = at + FRAME_BYTES;
      this.#frames.push({
        file: name,
        at,
        end: record + length,
        seq: type === BATCH ? integer(record + 24) : 0,
        lastZxid: type === BATCH ? integer(record + 32) + view.getUint32(record + 16, true) - 1 : 0,
        durableSeq: integer(at + 16),
      });
      at = record + Math.ceil(length / 8) * 8;
      if (type !== BATCH && type !== MARK) return;
    }
  }
}

function touches(damage: Damage, file: string, from: number, to: number): boolean {
  return damage.file === file && damage.from < to && from < damage.to;
}
