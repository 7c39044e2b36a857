/**
 * The digest: a sum of 64-bit hashes, one an item, so that the order in which items are met does not matter. Computed
 * while a snapshot is written or read, never per write. Two daemons with the same state have the same digest.
 */

/** Folds bytes and numbers into two independent 32-bit lanes. */
export class Digest {
  #high = 0;
  #low = 0;
  #a = 0;
  #b = 0;

  /** Begins an item of this kind. */
  begin(kind: number): void {
    this.#a = -2_128_831_035 ^ kind;
    this.#b = 0x2545_f491 + kind;
  }

  word(value: number): void {
    this.#a = foldA(this.#a, value);
    this.#b = foldB(this.#b, value);
  }

  /** A safe integer. */
  number(value: number): void {
    this.word(value | 0);
    this.word(Math.floor(value / 0x1_0000_0000) | 0);
  }

  // The lanes are kept in local variables through a loop: in fields each word would wait for the store of the one before.

  text(value: string): void {
    let a = foldA(this.#a, value.length);
    let b = foldB(this.#b, value.length);
    for (let i = 0; i < value.length; i++) {
      const word = value.charCodeAt(i);
      a = foldA(a, word);
      b = foldB(b, word);
    }
    this.#a = a;
    this.#b = b;
  }

  bytes(value: Uint8Array | null): void {
    if (value === null) {
      this.word(-1);
      return;
    }
    let a = foldA(this.#a, value.length);
    let b = foldB(this.#b, value.length);
    const whole = value.length & -4;
    for (let i = 0; i < whole; i += 4) {
      const word = value[i]! | (value[i + 1]! << 8) | (value[i + 2]! << 16) | (value[i + 3]! << 24);
      a = foldA(a, word);
      b = foldB(b, word);
    }
    for (let i = whole; i < value.length; i++) {
      a = foldA(a, value[i]!);
      b = foldB(b, value[i]!);
    }
    this.#a = a;
    this.#b = b;
  }

  /** Adds the item to the sum. */
  end(): void {
    this.#high = (this.#high + mix(this.#a)) >>> 0;
    this.#low = (this.#low + mix(this.#b ^ (this.#a >>> 7))) >>> 0;
  }

  /** 16 hex digits. */
  get value(): string {
    return this.#high.toString(16).padStart(8, "0") + this.#low.toString(16).padStart(8, "0");
  }
}

function foldA(a: number, word: number): number {
  return Math.imul(a ^ word, 16_777_619);
}

function foldB(b: number, word: number): number {
  const folded = Math.imul(b + word, -1_640_531_535);
  return folded ^ (folded >>> 15);
}

function mix(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x7feb_352d);
  h ^= h >>> 15;
  h = Math.imul(h, -2_073_254_261);
  return (h ^ (h >>> 16)) >>> 0;
}

/** What a checksum begins with. */
export const CHECKSUM_START = -2_128_831_035;

/**
 * Continues a checksum over bytes, four at a time. Each step is a bijection, so that one damaged byte always shows, also in
 * what is continued later.
 */
export function checksum(start: number, bytes: Uint8Array): number {
  let sum = Math.imul(start ^ bytes.length, 16_777_619);
  const whole = bytes.length & -4;
  for (let i = 0; i < whole; i += 4) {
    const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    sum = Math.imul(sum ^ word, 16_777_619);
    // Downwards as well: a multiplication alone carries nothing from the high bits to the low ones.
    sum ^= sum >>> 15;
  }
  for (let i = whole; i < bytes.length; i++) sum = Math.imul(sum ^ bytes[i]!, 16_777_619);
  return sum;
}
