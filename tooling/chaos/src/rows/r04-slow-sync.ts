/** R4: the disk takes seconds for a write now and then: nobody's session ends for that, and reads go on. */
import { setTimeout as wait } from "node:timers/promises";
import { between } from "@corral/testing/world";
import { Holder } from "../holder.ts";
import { injected, ONE_THREAD } from "@corral/end-to-end";
import type { Row } from "../row.ts";
import { Siege } from "../siege.ts";

/** Of the sessions: far less than a write takes. */
const SESSION_MS = 1_000;
const DELAY_S = { least: 2, most: 5 };
const RUN_MS = { full: 20_000, quick: 8_000 };
/** A read that waits for no write, while one hangs. */
const READ_MS_MAX = 2_500;

export const slowSync: Row = {
  name: "R4",
  title: "writes of the log hang for seconds",
  boundMs: 150_000,
  needs: ["strace"],
  async run(stage) {
    const draw = stage.draw("delays");
    const seconds = between(draw, DELAY_S.least, DELAY_S.most);
    const [first, every] = [between(draw, 25, 45), between(draw, 40, 90)];
    stage.say(`write ${first}, and every ${every}th after it, takes ${seconds} s; sessions of ${SESSION_MS} ms`);
    const fault = `delay_enter=${seconds * 1_000_000}:when=${first}+${every}`;
    const siege = await Siege.lay(
      stage,
      { clients: 4, load: { sessionTimeoutMs: SESSION_MS, callTimeoutMs: 40_000 } },
      { wrapper: injected("pwritev", fault), env: ONE_THREAD },
    );
    const holder = await Holder.open({ servers: async () => [siege.daemon.url], sessionTimeoutMs: SESSION_MS });
    stage.atEnd(() => holder.close());
    const { token } = holder.held;
    const until = performance.now() + (stage.isQuick ? RUN_MS.quick : RUN_MS.full);
    let reads = 0;
    let slowestMs = 0;
    while (performance.now() < until) {
      const from = performance.now();
      // Of a client that has no write under way: its reads wait for nobody.
      await holder.client.stat("/");
      slowestMs = Math.max(slowestMs, performance.now() - from);
      reads++;
      await wait(50);
    }
    Object.assign(siege.figures, { "seconds a write": seconds, reads, "slowest read ms": Math.round(slowestMs) });
    if (slowestMs > READ_MS_MAX) siege.fail("reads", `a read took ${Math.round(slowestMs)} ms while writes hung`);
    if (!holder.isSure || holder.held.token !== token)
      siege.fail("sessions", "the holder of a lock lost it to a slow disk");
    await holder.close();
    siege.load.calm();
    await wait(seconds * 1_000);
    for (const [by, count] of Object.entries(siege.load.lost))
      if (count > 0) siege.fail("sessions", `${count} sessions ended by a slow disk (${by})`);
    process.kill(siege.pid, "SIGKILL");
    await siege.daemon.ended;
    await siege.read("after slow writes");
    await siege.start();
    return siege.end();
  },
};
