/**
 * Reads what a generator needs of the server's messages and steps over the rest: which request is answered and with what
 * code, that a watch was told, that the server said goodbye. Decodes no data, no stat, no path.
 */
import { ProtocolError, Push } from "@corral/protocol";

export interface MessageSink {
  /** Of a request; pongs are left out. 0: it was done. */
  reply(xid: number, code: number): void;
  event(): void;
}

/** Hands over each message of a frame that stands in `bytes` from `from` to `to`. Throws at a goodbye. */
export function readMessages(bytes: Uint8Array, from: number, to: number, sink: MessageSink): void {
  at = from;
  while (at < to) {
    let elements = arrayLength(bytes) - 3;
    const first = integer(bytes);
    skip(bytes, 1);
    // Of an event it is the type; events, like replies, have an integer here.
    const code = first === Push.subscription ? 0 : integer(bytes);
    if (first === Push.subscription) elements++;
    skip(bytes, elements);
    if (at > to) throw new ProtocolError("a message that ends early");
    if (first > 0) sink.reply(first, code);
    else if (first === Push.event) sink.event();
    else if (first === Push.goodbye) throw new Error(`the server said goodbye with ${code}`);
  }
}

/** Where the reader stands; one reads at a time. */
let at = 0;

function arrayLength(bytes: Uint8Array): number {
  const tag = bytes[at++]!;
  if ((tag & 0xf0) === 0x90) return tag & 0x0f;
  if (tag !== 0xdc) throw new ProtocolError(`a message that begins with 0x${tag.toString(16)}`);
  at += 2;
  return (bytes[at - 2]! << 8) | bytes[at - 1]!;
}

/** Up to 32 bits: numbers of requests and of errors are no longer. */
function integer(bytes: Uint8Array): number {
  const tag = bytes[at++]!;
  if (tag < 0x80) return tag;
  if (tag >= 0xe0) return tag - 0x100;
  switch (tag) {
    case 0xcc:
      return bytes[at++]!;
    case 0xd0:
      return (bytes[at++]! << 24) >> 24;
    case 0xcd:
      at += 2;
      return (bytes[at - 2]! << 8) | bytes[at - 1]!;
    case 0xd1:
      at += 2;
      return ((bytes[at - 2]! << 24) | (bytes[at - 1]! << 16)) >> 16;
    case 0xce:
      at += 4;
      return word(bytes) >>> 0;
    case 0xd2:
      at += 4;
      return word(bytes);
    default:
      throw new ProtocolError(`0x${tag.toString(16)} where an integer belongs`);
  }
}

/** The four bytes before `at`. */
const word = (bytes: Uint8Array): number =>
  (bytes[at - 4]! << 24) | (bytes[at - 3]! << 16) | (bytes[at - 2]! << 8) | bytes[at - 1]!;

function skip(bytes: Uint8Array, values: number): void {
  for (let left = values; left > 0; left--) {
    const tag = bytes[at++]!;
    if (tag < 0x80 || tag >= 0xe0) continue;
    if (tag >= 0xa0 && tag < 0xc0) at += tag & 0x1f;
    else if (tag < 0xa0) left += tag & 0x0f;
    else left += skipLong(bytes, tag);
  }
}

/** Steps over a value that is told by its tag alone; returns how many values an array has. */
function skipLong(bytes: Uint8Array, tag: number): number {
  switch (tag) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return 0;
    case 0xcc:
    case 0xd0:
      at += 1;
      return 0;
    case 0xcd:
    case 0xd1:
      at += 2;
      return 0;
    case 0xce:
    case 0xd2:
      at += 4;
      return 0;
    case 0xcb:
    case 0xcf:
    case 0xd3:
      at += 8;
      return 0;
    case 0xc4:
    case 0xd9:
      at += 1 + bytes[at]!;
      return 0;
    case 0xc5:
    case 0xda:
      at += 2 + ((bytes[at]! << 8) | bytes[at + 1]!);
      return 0;
    case 0xc6:
    case 0xdb:
      at += 4;
      at += word(bytes) >>> 0;
      return 0;
    case 0xdc:
      at += 2;
      return (bytes[at - 2]! << 8) | bytes[at - 1]!;
    case 0xdd:
      at += 4;
      return word(bytes) >>> 0;
    default:
      throw new ProtocolError(`a type that is not of the protocol, 0x${tag.toString(16)}`);
  }
}
