/**
 * What a turn has to say to one connection. The buffer is lent by a shelf that all connections share, from the first word
 * until it is sent: ten thousand connections that are silent hold none.
 */
import { Writer } from "@corral/protocol";

/** Buffers that wait on the shelf; a turn may lend more, and lets go of them. */
const SHELF_MAX = 256;
const BUFFER_BYTES = 512;

export class Shelf {
  readonly #writers: Writer[] = [];

  take(): Writer {
    return this.#writers.pop() ?? new Writer(BUFFER_BYTES);
  }

  giveBack(writer: Writer): void {
    if (this.#writers.length < SHELF_MAX) this.#writers.push(writer);
  }
}

export class Outbox {
  readonly #shelf: Shelf;
  #writer: Writer | undefined;
  /** All there is to say, as long as that is one message which others are told as well. */
  #shared: Uint8Array | undefined;

  constructor(shelf: Shelf) {
    this.#shelf = shelf;
  }

  /** Bytes. */
  get length(): number {
    return this.#writer?.length ?? this.#shared?.length ?? 0;
  }

  /** Takes what is to be said next. */
  get writer(): Writer {
    if (this.#writer !== undefined) return this.#writer;
    this.#writer = this.#shelf.take();
    if (this.#shared !== undefined) this.#writer.raw(this.#shared);
    this.#shared = undefined;
    return this.#writer;
  }

  /** Says what many are told: nobody may change these bytes any more. */
  share(bytes: Uint8Array): void {
    if (this.#writer === undefined && this.#shared === undefined) this.#shared = bytes;
    else this.writer.raw(bytes);
  }

  /** All of it, to be sent. */
  empty(): Uint8Array {
    const bytes = this.#writer?.copy() ?? this.#shared ?? NOTHING;
    if (this.#writer !== undefined) this.#shelf.giveBack(this.#writer);
    this.#writer = undefined;
    this.#shared = undefined;
    return bytes;
  }
}

const NOTHING = new Uint8Array(0);
