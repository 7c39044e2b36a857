/** Whole numbers up to 2^53 - 1 as eight bytes, little endian. Faster than BigInt, and what zxid, seq and stamps need. */

const TWO_32 = 2 ** 32;

export function putInteger(into: Buffer, value: number, offset: number): void {
  into.writeUInt32LE(value % TWO_32, offset);
  into.writeUInt32LE(Math.floor(value / TWO_32), offset + 4);
}

/** NaN when the bytes hold more than 2^53 - 1. */
export function getInteger(from: Buffer, offset: number): number {
  const value = from.readUInt32LE(offset + 4) * TWO_32 + from.readUInt32LE(offset);
  return Number.isSafeInteger(value) ? value : Number.NaN;
}
