/** msgpackr on the reply to a get: how often a second one core encodes it, and decodes it, and does nothing else. */
import { Packr } from "msgpackr";
import type { Value } from "@corral/protocol";
import type { Floor, FloorName } from "../report/results.ts";
import { REPLY } from "./get-bytes.ts";

/** Between two looks at the clock. */
const TURN = 1_000;

const packr = new Packr({ useRecords: false, int64AsType: "number" });

export function encoded(value: readonly Value[]): Uint8Array {
  return Uint8Array.from(packr.pack(value));
}

export function codecFloors(ms: number): Floor[] {
  const bytes = encoded(REPLY);
  const encode = (): number => packr.pack(REPLY).length;
  const decode = (): number => (packr.unpack(bytes) as readonly Value[]).length;
  for (const work of [encode, decode]) rate("msgpackr-encode", ms / 2, work);
  return [rate("msgpackr-encode", ms, encode), rate("msgpackr-decode", ms, decode)];
}

function rate(name: FloorName, ms: number, work: () => number): Floor {
  const from = performance.now();
  let operations = 0;
  let sum = 0;
  let to = from;
  while (to - from < ms) {
    for (let n = 0; n < TURN; n++) sum += work();
    operations += TURN;
    to = performance.now();
  }
  // Used, so that no compiler may leave the work out.
  if (sum === 0) throw new Error("the codec does nothing");
  return { name, operations, seconds: (to - from) / 1000 };
}
