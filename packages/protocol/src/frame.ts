/**
 * From the bytes of a WebSocket message to the values in it. The only file that knows the MessagePack decoder.
 */
import { Unpackr } from "msgpackr/unpack";
import { ELEMENTS_MAX } from "./limits.ts";
import { scanFault } from "./scan.ts";

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
  const fault = scanFault(bytes, elementsMax);
  if (fault !== undefined) throw new ProtocolError(`the frame has ${fault}`);
  const values: Value[] = [];
  const ends: number[] = [];
  unpackr.unpackMultiple(bytes, (value: Value, _start?: number, end?: number) => {
    values.push(value);
    ends.push(end ?? bytes.length);
  });
  return { values, ends };
}
