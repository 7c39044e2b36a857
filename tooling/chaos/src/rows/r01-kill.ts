/** R1: kill -9 under load, again and again. */
import { setTimeout as wait } from "node:timers/promises";
import { between } from "@corral/testing/world";
import type { Row } from "../row.ts";
import { Siege } from "../siege.ts";

const CYCLES = { full: 50, quick: 8 };
/** Load before each kill, milliseconds. */
const LOAD_MS = { least: 20, most: 500 };
const START_MS_MAX = 5_000;

export const killed: Row = {
  name: "R1",
  title: "kill -9 under load",
  boundMs: 240_000,
  async run(stage) {
    const cycles = stage.isQuick ? CYCLES.quick : CYCLES.full;
    const draw = stage.draw("kills");
    const pauses = Array.from({ length: cycles }, () => between(draw, LOAD_MS.least, LOAD_MS.most));
    stage.say(`kill -9 after ${pauses.join(", ")} ms`);
    const siege = await Siege.lay(stage, { clients: 5 });
    for (const [cycle, pause] of pauses.entries()) {
      await wait(pause);
      await siege.daemon.kill();
      await siege.read(`after kill ${cycle + 1}`);
      const { startMs } = await siege.start();
      if (startMs > START_MS_MAX)
        siege.fail("start", `it served only ${Math.round(startMs)} ms after start ${cycle + 2}`);
    }
    siege.figures["kills"] = cycles;
    return siege.end();
  },
};
