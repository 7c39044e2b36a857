/**
 * R2: killed at the n-th durable write, before it is done: by the kernel's own hand as the write begins, or after corrald has had all
 * the time it wants to answer a write that strace holds back. The first are as the world is; the second leave nothing to luck: what is
 * answered too early has been answered by then.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { injected, ONE_THREAD } from "@corral/end-to-end";
import { SMALLEST } from "../proof.ts";
import type { Row, RowStage } from "../row.ts";
import { Siege } from "../siege.ts";

const WRITES = { full: 60, quick: 6 };
/** Beside the log, of segments and snapshots: each so many times. */
const SYNCS = { full: 8, quick: 1 };
const NTH_SYNC_MAX = 4;
/** More than enough for so many writes under load. */
const LIFE_MS_MAX = 15_000;
/** Each write is held back for so long: each client acts several times meanwhile, so a held write has others waiting behind it. */
const HOLD_MS = 1_000;
/** Strace's word in its record for a call that it held back. */
const HELD = "(DELAYED)";
const LOOK_MS = 10;
/** The first may have been under way when the held write was begun. One more than it takes. */
const TURNS = 3;

interface Death {
  readonly call: string;
  readonly nth: number;
  /** The write after the n-th stands still before it is done; else the kernel kills at the n-th itself. */
  readonly isHeld: boolean;
}

export const nthWrite: Row = {
  name: "R2",
  title: "killed at the n-th write or sync",
  boundMs: 600_000,
  needs: ["strace"],
  async run(stage) {
    const deaths = plan(stage);
    stage.say(`killed at ${deaths.map(named).join(", ")}`);
    const siege = await Siege.lay(stage, { clients: 4, limits: SMALLEST });
    await siege.daemon.kill();
    const record = path.join(await stage.directory("strace"), "record");
    let whileStarting = 0;
    for (const death of deaths) {
      const { call, nth, isHeld } = death;
      const wrapper = isHeld
        ? injected(call, `delay_enter=${HOLD_MS * 1_000}:when=${nth}+`, record)
        : injected(call, `signal=SIGKILL:when=${nth}`);
      const isServing = await siege.start({ wrapper, env: ONE_THREAD }).then(() => true, endedByKill);
      if (!isServing) whileStarting++;
      else {
        if (isHeld && (await isAmidHeld(siege, record))) process.kill(siege.pid, "SIGKILL");
        const end = await Promise.race([siege.daemon.ended, wait(LIFE_MS_MAX, undefined)]);
        if (end === undefined) siege.fail("fault", `${named(death)} never came`);
        else if (end.code !== "SIGKILL") siege.fail("fault", `it ended with ${end.code} at ${named(death)}`);
        if (end === undefined) process.kill(siege.pid, "SIGKILL");
      }
      await siege.read(`after ${named(death)}`);
    }
    await siege.start();
    siege.figures["deaths"] = deaths.length;
    siege.figures["while starting"] = whileStarting;
    siege.figures["amid a held write"] = deaths.filter(({ isHeld }) => isHeld).length;
    return siege.end();
  },
};

const named = ({ call, nth, isHeld }: Death): string => `${call} ${nth}${isHeld ? " held" : ""}`;

/** All of 1 to 60, or, of a bounded share, some: always one within the start. Two of three are held. */
function plan({ draw: drawn, isQuick }: RowStage): readonly Death[] {
  const draw = drawn("writes");
  const count = isQuick ? WRITES.quick : WRITES.full;
  const deaths: Death[] = Array.from({ length: count }, (_, i) => ({
    call: "pwritev",
    nth: isQuick ? 1 + Math.floor(((i + draw()) * WRITES.full) / count) : i + 1,
    isHeld: i % 3 !== 0,
  }));
  for (const call of ["fdatasync", "fsync"])
    for (let i = 0; i < (isQuick ? SYNCS.quick : SYNCS.full); i++)
      deaths.push({ call, nth: 1 + Math.floor(draw() * NTH_SYNC_MAX), isHeld: false });
  return deaths;
}

/**
 * Resolves when corrald's thread has come round after it gave the disk a write that is held, and has sent what it would. Not the first
 * held write: that may be a mark, which answers nobody. When it is done, what clients asked for meanwhile goes out in the next.
 * False: none was held in time.
 */
async function isAmidHeld({ daemon }: Siege, record: string): Promise<boolean> {
  const until = performance.now() + LIFE_MS_MAX;
  while (!(await readFile(record, "utf8")).includes(HELD)) {
    if (performance.now() > until) return false;
    await wait(LOOK_MS);
  }
  // Any answer will do: corrald has nothing to say to plain HTTP. Each is of a later turn of its loop.
  for (let i = 0; i < TURNS; i++)
    await fetch(daemon.url.replace(/^ws/, "http"), { signal: AbortSignal.timeout(LIFE_MS_MAX) });
  return true;
}

/** A start that was killed is one of the deaths; any other failure is not. */
function endedByKill(error: unknown): false {
  if (!String(error).includes("ended with SIGKILL")) throw error;
  return false;
}
