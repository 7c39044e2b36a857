/**
 * Copies of small byte arrays, many to a buffer: a buffer of its own costs each copy of more than 64 bytes 0.5 to 1 µs, its
 * collection included. Only for what lives as long as a request: whatever is kept longer would keep the whole buffer.
 * Never handed to the user, to whom bytes belong together with their buffer.
 */

const SLAB_BYTES = 16_384;
/** What is longer gets a buffer of its own. */
const SMALL_BYTES = SLAB_BYTES / 8;

export class Slab {
  #bytes = new Uint8Array(0);
  #used = 0;

  copy(bytes: Uint8Array): Uint8Array {
    const { length } = bytes;
    if (length > SMALL_BYTES) return new Uint8Array(bytes);
    if (this.#used + length > this.#bytes.length) {
      this.#bytes = new Uint8Array(SLAB_BYTES);
      this.#used = 0;
    }
    this.#bytes.set(bytes, this.#used);
    this.#used += length;
    return this.#bytes.subarray(this.#used - length, this.#used);
  }
}
