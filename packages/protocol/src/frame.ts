/**
 * From the bytes of a WebSocket message to the values in it. The only file that knows the MessagePack decoder.
 */
import { Unpackr } from "msgpackr/unpack";
import { ELEMENTS_MAX } from "./limits.ts";
import { type MarkedString, scanFault } from "./scan.ts";

/** A decoded MessagePack value of this protocol. Binary values are views of the frame: copy what outlives it. */
export type Value = null | boolean | number | string | Uint8Array | readonly Value[];

/** The messages of one frame. */
export interface Frame {
  readonly values: readonly Value[];
  /** Offset at which each value ends; it begins where the one before ends. */
  readonly ends: readonly number[];
}

/** The bytes break the protocol. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

const unpackr = new Unpackr({ useRecords: false, int64AsType: "number" });

/** Decodes a frame. Throws {@link ProtocolError} for anything that the scanner refuses. */
export function decodeFrame(bytes: Uint8Array, elementsMax: number = ELEMENTS_MAX): Frame {
  const marked: MarkedString[] = [];
  const fault = scanFault(bytes, elementsMax, marked);
  if (fault !== undefined) throw new ProtocolError(`the frame has ${fault}`);
  const values: Value[] = [];
  const ends: number[] = [];
  unpackr.unpackMultiple(bytes, (value: Value, _start?: number, end?: number) => {
    values.push(value);
    ends.push(end ?? bytes.length);
  });
  if (marked.length > 0) restoreMarks(values, marked, bytes);
  return { values, ends };
}

/** msgpackr decodes long strings with a TextDecoder that swallows a leading U+FEFF: puts those strings right. */
function restoreMarks(values: Value[], marked: readonly MarkedString[], bytes: Uint8Array): void {
  let element = 0;
  let next = 0;
  const visit = (list: Value[]): void => {
    for (const [i, value] of list.entries()) {
      element++;
      if (Array.isArray(value)) visit(value as Value[]);
      else if (marked[next]?.element === element) {
        const { start, end } = marked[next++]!;
        if ((value as string).length < utf16Length(bytes, start, end)) list[i] = `\ufeff${value as string}`;
      }
    }
  };
  visit(values);
}

/** How many code units valid UTF-8 decodes to. */
function utf16Length(bytes: Uint8Array, start: number, end: number): number {
  let units = 0;
  for (let at = start; at < end; at++) {
    if ((bytes[at]! & 0xc0) !== 0x80) units += bytes[at]! >= 0xf0 ? 2 : 1;
  }
  return units;
}
