/**
 * The scanner: walks a whole frame before anything is decoded, so that a frame is accepted whole or refused whole.
 *
 * It allows nil, booleans, integers, float64 that are safe integers, strings, binary and arrays, and nothing else: no
 * maps, no extensions, no float32. Lengths are compared with the bytes left before they are believed; strings must be
 * valid UTF-8; depth and number of elements are bounded. What passes here cannot make the decoder allocate more than a
 * small multiple of the frame.
 */
import { DEPTH_MAX } from "./limits.ts";

/** Elements that remain to be read at each depth; one scanner runs at a time and never calls out. */
const remaining = new Int32Array(DEPTH_MAX + 1);

/** A string that begins with U+FEFF: its number among the elements of the frame, and where its bytes stand. */
export interface MarkedString {
  readonly element: number;
  readonly start: number;
  readonly end: number;
}

/**
 * What is wrong with the bytes, as a phrase that names the offset; undefined if nothing is. Strings that begin with
 * U+FEFF, which decoders like to take for a byte order mark, are added to `marked`.
 */
export function scanFault(bytes: Uint8Array, elementsMax: number, marked: MarkedString[] = []): string | undefined {
  const end = bytes.length;
  if (end === 0) return "an empty frame";
  let at = 0;
  let depth = 0;
  let elements = 0;
  while (at < end || depth > 0) {
    if (depth > 0) {
      if (remaining[depth] === 0) {
        depth--;
        continue;
      }
      remaining[depth]!--;
    }
    if (at >= end) return `a value that ends early, at offset ${at}`;
    if (++elements > elementsMax) return `more than ${elementsMax} elements`;
    const tag = bytes[at++]!;
    if (tag < 0x80 || tag >= 0xe0) continue;
    let length: number;
    if (tag >= 0xa0 && tag < 0xc0) length = tag & 0x1f;
    else if (tag >= 0x90 && tag < 0xa0) {
      const fault = enter(tag & 0x0f, at, end, ++depth);
      if (fault !== undefined) return fault;
      continue;
    } else {
      switch (tag) {
        case 0xc0: // nil
        case 0xc2: // false
        case 0xc3: // true
          continue;
        case 0xc4: // bin 8
        case 0xd9: // str 8
          if (at + 1 > end) return `a length that ends early, at offset ${at}`;
          length = bytes[at]!;
          at += 1;
          break;
        case 0xc5: // bin 16
        case 0xda: // str 16
          if (at + 2 > end) return `a length that ends early, at offset ${at}`;
          length = (bytes[at]! << 8) | bytes[at + 1]!;
          at += 2;
          break;
        case 0xc6: // bin 32
        case 0xdb: // str 32
          if (at + 4 > end) return `a length that ends early, at offset ${at}`;
          length = uint32(bytes, at);
          at += 4;
          break;
        case 0xcc: // uint 8
        case 0xd0: // int 8
          at += 1;
          if (at > end) return `a number that ends early, at offset ${at}`;
          continue;
        case 0xcd: // uint 16
        case 0xd1: // int 16
          at += 2;
          if (at > end) return `a number that ends early, at offset ${at}`;
          continue;
        case 0xce: // uint 32
        case 0xd2: // int 32
          at += 4;
          if (at > end) return `a number that ends early, at offset ${at}`;
          continue;
        case 0xcb: // float 64
        case 0xcf: // uint 64
        case 0xd3: // int 64
          if (at + 8 > end) return `a number that ends early, at offset ${at}`;
          if (!isSafe(tag, bytes, at)) return `a number that is not a safe integer, at offset ${at - 1}`;
          at += 8;
          continue;
        case 0xdc: // array 16
        case 0xdd: {
          // array 32
          const width = tag === 0xdc ? 2 : 4;
          if (at + width > end) return `a length that ends early, at offset ${at}`;
          const count = tag === 0xdc ? (bytes[at]! << 8) | bytes[at + 1]! : uint32(bytes, at);
          at += width;
          const fault = enter(count, at, end, ++depth);
          if (fault !== undefined) return fault;
          continue;
        }
        default:
          return `a type that is not allowed, 0x${tag.toString(16)}, at offset ${at - 1}`;
      }
    }
    if (length > end - at) return `a length of ${length} with ${end - at} bytes left, at offset ${at}`;
    if (tag < 0xc0 || tag >= 0xd9) {
      const bad = invalidUtf8(bytes, at, at + length);
      if (bad >= 0) return `invalid UTF-8 at offset ${bad}`;
      if (length > 2 && bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf) {
        marked.push({ element: elements, start: at, end: at + length });
      }
    }
    at += length;
  }
  return undefined;
}

function enter(count: number, at: number, end: number, depth: number): string | undefined {
  if (depth > DEPTH_MAX) return `arrays nested deeper than ${DEPTH_MAX}, at offset ${at}`;
  if (count > end - at) return `an array of ${count} elements with ${end - at} bytes left, at offset ${at}`;
  remaining[depth] = count;
  return undefined;
}

function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

const number = new DataView(new ArrayBuffer(8));

function isSafe(tag: number, bytes: Uint8Array, at: number): boolean {
  number.setUint32(0, uint32(bytes, at));
  number.setUint32(4, uint32(bytes, at + 4));
  if (tag === 0xcb) return Number.isSafeInteger(number.getFloat64(0));
  const high = tag === 0xcf ? number.getUint32(0) : number.getInt32(0);
  return Number.isSafeInteger(high * 0x1_0000_0000 + number.getUint32(4));
}

/** Offset of the first byte that is not valid UTF-8 (no overlong forms, no surrogates), or -1. */
function invalidUtf8(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const lead = bytes[at]!;
    if (lead < 0x80) {
      at++;
      continue;
    }
    let more: number;
    let least = 0x80;
    let most = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) more = 1;
    else if (lead >= 0xe0 && lead <= 0xef) {
      more = 2;
      if (lead === 0xe0) least = 0xa0;
      else if (lead === 0xed) most = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
      more = 3;
      if (lead === 0xf0) least = 0x90;
      else if (lead === 0xf4) most = 0x8f;
    } else return at;
    if (at + more >= end) return at;
    const second = bytes[at + 1]!;
    if (second < least || second > most) return at;
    for (let i = 2; i <= more; i++) if ((bytes[at + i]! & 0xc0) !== 0x80) return at;
    at += more + 1;
  }
  return -1;
}
