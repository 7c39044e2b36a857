/** R16: SIGTERM under load. */
import { setTimeout as wait } from "node:timers/promises";
import { between } from "@corral/testing/world";
import type { Row } from "../row.ts";
import { Siege } from "../siege.ts";

const CYCLES = { full: 12, quick: 3 };
const LOAD_MS = { least: 50, most: 600 };
const DRAINS_WITHIN_MS = 10_000;

export const drain: Row = {
  name: "R16",
  title: "SIGTERM under load",
  boundMs: 150_000,
  async run(stage) {
    const draw = stage.draw("drains");
    const pauses = Array.from({ length: stage.isQuick ? CYCLES.quick : CYCLES.full }, () =>
      between(draw, LOAD_MS.least, LOAD_MS.most),
    );
    stage.say(`SIGTERM after ${pauses.join(", ")} ms`);
    const siege = await Siege.lay(stage, { clients: 5 });
    let slowestMs = 0;
    for (const [cycle, pause] of pauses.entries()) {
      await wait(pause);
      const from = performance.now();
      const { code, stderr } = await siege.daemon.stop();
      slowestMs = Math.max(slowestMs, performance.now() - from);
      if (code !== 0) siege.fail("end", `SIGTERM ${cycle + 1} led to ${code}: ${stderr.slice(-300)}`);
      else if (!stderr.includes('"event":"stopped"'))
        siege.fail("end", `SIGTERM ${cycle + 1}: it did not say that it stopped in order`);
      await siege.read(`after SIGTERM ${cycle + 1}`);
      await siege.start();
    }
    if (slowestMs > DRAINS_WITHIN_MS) siege.fail("end", `a drain took ${Math.round(slowestMs)} ms`);
    if (siege.load.lost.server > 0) siege.fail("sessions", `${siege.load.lost.server} sessions ended by a restart`);
    Object.assign(siege.figures, { drains: pauses.length, "slowest drain ms": Math.round(slowestMs) });
    return siege.end();
  },
};
