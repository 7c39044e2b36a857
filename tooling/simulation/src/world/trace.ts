/** A rolling hash of everything that happens, and a reader for it on request. */
import { crc32 } from "node:zlib";
import type { Frame } from "@corral/testing/world";

/** One thing that happened. */
export interface Happening {
  /** Milliseconds since the world began. */
  readonly atMs: number;
  readonly what: string;
  /** If it was sent now. */
  readonly frame: Frame | undefined;
}

export class Trace {
  readonly #read: ((happening: Happening) => void) | undefined;
  #hash = 0;
  #more = 0;

  constructor(read?: (happening: Happening) => void) {
    this.#read = read;
  }

  note(atMs: number, what: string, frame?: Frame): void {
    this.#hash = crc32(`${atMs.toFixed(3)} ${what}`, this.#hash);
    if (frame !== undefined) this.#hash = crc32(frame.bytes, this.#hash);
    this.#more = Math.imul(this.#more ^ this.#hash, 0x0100_0193) >>> 0;
    this.#read?.({ atMs, what, frame });
  }

  get hash(): string {
    return `${this.#hash.toString(16).padStart(8, "0")}${this.#more.toString(16).padStart(8, "0")}`;
  }
}
