/**
 * One crash: the disk as it has left it, what was known, and everything that must hold from there.
 *
 * Recover; append; lose everything unsynced; recover again; and the same state by every snapshot that serves.
 */
import type { FileLogLimits, SnapshotChoice } from "@corral/log";
import type { MemoryDisk } from "@corral/log/testing";
import { judge, type Known, mayRefuse } from "../judge.ts";
import { Ledger } from "../ledger.ts";
import { Owner } from "../owner.ts";
import { drained, type WrapDisk, World } from "../world.ts";

/** Sizes of what is appended after the first recovery: one sector and two. */
const APPENDED = [90, 700];

/** For the random bytes of a log that begins anew. */
const AFTER_SEED = 2;

export interface TrialResult {
  /** Recoveries that came out as they must. */
  readonly passed: number;
  readonly wrong: readonly string[];
}

/** `disk` as the crash has left it; it is used up. */
export async function trial(
  known: Known,
  disk: MemoryDisk,
  limits: FileLogLimits,
  wrapDisk?: WrapDisk,
): Promise<TrialResult> {
  const result = { passed: 0, wrong: [] as string[] };
  const world = new World(limits, wrapDisk, disk, AFTER_SEED);
  const ledger = new Ledger(known);
  const owner = new Owner(world.log());
  try {
    await owner.start();
  } catch (error) {
    if (mayRefuse(known, String(error))) result.passed += 1;
    else result.wrong.push(`refused: ${String(error)}`);
    return result;
  }
  if (!note(result, "", ledger.serves(owner))) return result;
  try {
    for (const size of APPENDED) ledger.propose(owner.log, size);
    await owner.settled(APPENDED.length);
    await drained();
  } catch (error) {
    result.wrong.push(`append: ${String(error)}`);
    return result;
  }
  disk.crashWith(() => "lost");
  ledger.ended();
  const again = new Owner(world.log());
  try {
    await again.start();
  } catch (error) {
    result.wrong.push(`refused, after an append and a second crash: ${String(error)}`);
    return result;
  }
  if (!note(result, "after an append and a second crash: ", ledger.serves(again))) return result;
  await drained();
  disk.kill();
  ledger.ended();
  for (const choice of ["oldest", "none"] as const) await readBack(world, choice, ledger, result);
  return result;
}

/** The state that comes out by way of another snapshot, or of none where the log reaches back so far. */
async function readBack(
  world: World,
  choice: SnapshotChoice,
  ledger: Ledger,
  result: { passed: number; wrong: string[] },
): Promise<void> {
  const reader = new Owner(world.log({ readOnly: true, snapshot: choice }));
  try {
    await reader.start(false);
  } catch (error) {
    if (choice === "none" && String(error).includes("no stored snapshot was wanted")) return;
    result.wrong.push(`from the ${choice} snapshot: ${String(error)}`);
    return;
  }
  note(result, `from the ${choice} snapshot: `, [...judge(ledger.known, reader.state), ...reader.wrong]);
}

function note(result: { passed: number; wrong: string[] }, where: string, wrong: readonly string[]): boolean {
  if (wrong.length === 0) result.passed += 1;
  else result.wrong.push(...wrong.map((what) => `${where}${what}`));
  return wrong.length === 0;
}
