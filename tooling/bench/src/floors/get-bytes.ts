/** A get of 100 bytes as it travels: the bytes that a bare echo sends and answers, and what a bare codec works on. */
import { Consistency, Op, type Value, Writer, writeRequest } from "@corral/protocol";
import { VALUE_BYTES } from "../generator/job.ts";

/** As in the middle of a run: numbers of their usual width on the wire. */
const XID = 100_000;
const ZXID = 2 ** 32 + 100_000;
const TIME_MS = 1.8e12;

export const REPLY: readonly Value[] = [
  XID,
  ZXID,
  0,
  new Uint8Array(VALUE_BYTES).fill(120),
  [ZXID, ZXID, TIME_MS, TIME_MS, 100_000, 0, 0, 0, VALUE_BYTES, 0, ZXID],
];

export function getRequest(): Uint8Array {
  const w = new Writer();
  writeRequest(w, XID, { op: Op.get, path: "/bench", watch: false, consistency: Consistency.session });
  return w.take();
}
