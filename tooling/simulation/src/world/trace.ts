/** A rolling hash of everything that happens, and on request a readable line for each. */
import { crc32 } from "node:zlib";

export class Trace {
  readonly #print: ((line: string) => void) | undefined;
  #hash = 0;
  #more = 0;
  lines = 0;

  constructor(print?: (line: string) => void) {
    this.#print = print;
  }

  /** `describe` is only called when somebody reads. */
  note(atMs: number, what: string, bytes?: Uint8Array, describe?: () => string): void {
    const line = `${atMs.toFixed(3)} ${what}`;
    this.#hash = crc32(line, this.#hash);
    if (bytes !== undefined) this.#hash = crc32(bytes, this.#hash);
    this.#more = Math.imul(this.#more ^ this.#hash, 0x0100_0193) >>> 0;
    this.lines++;
    this.#print?.(describe === undefined ? line : `${line} ${describe()}`);
  }

  get hash(): string {
    return `${this.#hash.toString(16).padStart(8, "0")}${this.#more.toString(16).padStart(8, "0")}`;
  }
}
