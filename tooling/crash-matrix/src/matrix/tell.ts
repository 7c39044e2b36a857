/** One crash again, by its address: what the disk holds after it, what was known, and what is wrong. */
import { told } from "../entry.ts";
import type { WrapDisk } from "../world.ts";
import { crashAt } from "./crashes.ts";
import { trial } from "./trial.ts";
import { limitsOf } from "./workload.ts";
import { WORKLOADS } from "./workloads/index.ts";

/** Bytes of a row in what is shown of a file, and rows of one file. */
const ROW_BYTES = 512;
const ROWS_MAX = 100;

/** Adds to `count`. Rejects when the address names no crash. */
export async function tell(
  address: string,
  wrapDisk: WrapDisk | undefined,
  count: { passed: number; failed: number },
): Promise<void> {
  const [name, ...rest] = address.split(":");
  const workload = WORKLOADS.find((each) => each.name === name);
  if (workload === undefined || rest.length < 2)
    throw new Error("--at is WORKLOAD:OP:SUBSET, or WORKLOAD:OP:SUBSET:OP:SUBSET");
  const { when, moment, disk } = await crashAt(workload, rest, wrapDisk);
  console.log(`power fails ${when}`);
  console.log("the disk holds:");
  for (const file of disk.names().toSorted()) console.log(`  ${file}: ${used(disk.contents(file))}`);
  const { certain, open } = moment.known;
  console.log(`acknowledged: ${certain.map(told).join(", ") || "nothing"}`);
  console.log(`under way: ${open.map(({ id, size }) => `#${id} (${size} bytes)`).join(", ") || "nothing"}`);
  const { passed, wrong } = await trial(moment.known, disk, limitsOf(workload), wrapDisk);
  count.passed += passed;
  count.failed += wrong.length === 0 ? 0 : 1;
  for (const what of wrong) console.log(`! ${what}`);
}

/** A letter for each sector: `#` in use, `.` zeros. */
function used(bytes: Uint8Array): string {
  const rows: string[] = [];
  for (let at = 0; at < bytes.length && rows.length < ROWS_MAX; at += ROW_BYTES)
    rows.push(bytes.subarray(at, at + ROW_BYTES).every((byte) => byte === 0) ? "." : "#");
  return `${bytes.length} bytes, sectors ${rows.join("")}`;
}
