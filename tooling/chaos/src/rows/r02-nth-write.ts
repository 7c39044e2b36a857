/** R2: killed by the kernel's own hand at the n-th durable write, before it is done. */
import { setTimeout as wait } from "node:timers/promises";
import { injected, ONE_THREAD } from "@corral/end-to-end";
import { SMALLEST } from "../proof.ts";
import type { Row } from "../row.ts";
import { Siege } from "../siege.ts";

const WRITES = { full: 60, quick: 6 };
/** Beside the log, of segments and snapshots: each so many times. */
const SYNCS = { full: 8, quick: 1 };
const NTH_SYNC_MAX = 4;
/** More than enough for so many writes under load. */
const LIFE_MS_MAX = 15_000;

export const nthWrite: Row = {
  name: "R2",
  title: "killed at the n-th write or sync",
  boundMs: 300_000,
  needs: ["strace"],
  async run(stage) {
    const draw = stage.draw("writes");
    const count = stage.isQuick ? WRITES.quick : WRITES.full;
    const deaths: { readonly call: string; readonly nth: number }[] = [];
    // All of 1 to 60, or, of a bounded share, some: always one within the start.
    for (let i = 0; i < count; i++)
      deaths.push({
        call: "pwritev",
        nth: stage.isQuick ? 1 + Math.floor(((i + draw()) * WRITES.full) / count) : i + 1,
      });
    for (const call of ["fdatasync", "fsync"])
      for (let i = 0; i < (stage.isQuick ? SYNCS.quick : SYNCS.full); i++)
        deaths.push({ call, nth: 1 + Math.floor(draw() * NTH_SYNC_MAX) });
    stage.say(`killed at ${deaths.map(({ call, nth }) => `${call} ${nth}`).join(", ")}`);
    const siege = await Siege.lay(stage, { clients: 4, limits: SMALLEST });
    await siege.daemon.kill();
    let whileStarting = 0;
    for (const { call, nth } of deaths) {
      const isServing = await siege
        .start({ wrapper: injected(call, `signal=SIGKILL:when=${nth}`), env: ONE_THREAD })
        .then(() => true, endedByKill);
      if (!isServing) whileStarting++;
      else {
        const death = await Promise.race([siege.daemon.ended, wait(LIFE_MS_MAX, undefined)]);
        if (death === undefined) siege.fail("fault", `${call} ${nth} never came`);
        else if (death.code !== "SIGKILL") siege.fail("fault", `it ended with ${death.code} at ${call} ${nth}`);
        if (death === undefined) process.kill(siege.pid, "SIGKILL");
      }
      await siege.read(`after ${call} ${nth}`);
    }
    await siege.start();
    siege.figures["deaths"] = deaths.length;
    siege.figures["while starting"] = whileStarting;
    return siege.end();
  },
};

/** A start that was killed is one of the deaths; any other failure is not. */
function endedByKill(error: unknown): false {
  if (!String(error).includes("ended with SIGKILL")) throw error;
  return false;
}
