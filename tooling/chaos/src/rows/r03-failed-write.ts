/** R3: one write of the log fails, and all others would succeed: the trap for whoever tries again. */
import { setTimeout as wait } from "node:timers/promises";
import { ExitCode } from "@corral/daemon";
import { between } from "@corral/testing/world";
import { injected, ONE_THREAD } from "@corral/end-to-end";
import type { Row } from "../row.ts";
import { Siege } from "../siege.ts";

const FAILURES = { full: 12, quick: 3 };
const NTH = { least: 4, most: 120 };
const LIFE_MS_MAX = 12_000;

export const failedWrite: Row = {
  name: "R3",
  title: "EIO once on a write of the log",
  boundMs: 150_000,
  needs: ["strace"],
  async run(stage) {
    const draw = stage.draw("failures");
    const nths = Array.from({ length: stage.isQuick ? FAILURES.quick : FAILURES.full }, () =>
      between(draw, NTH.least, NTH.most),
    );
    stage.say(`EIO at write ${nths.join(", ")}`);
    const siege = await Siege.lay(stage, { clients: 4 });
    await siege.daemon.kill();
    for (const nth of nths) {
      await siege.start({ wrapper: injected("pwritev", `error=EIO:when=${nth}`), env: ONE_THREAD });
      const death = await Promise.race([siege.daemon.ended, wait(LIFE_MS_MAX, undefined)]);
      if (death === undefined) {
        siege.fail("exit", `it lives on after write ${nth} has failed`);
        process.kill(siege.pid, "SIGKILL");
        await siege.daemon.ended;
      } else if (death.code !== ExitCode.logFailed || !death.stderr.includes("cannot go on"))
        siege.fail("exit", `write ${nth} failed, and it ended with ${death.code}: ${death.stderr.slice(-300)}`);
      await siege.read(`after write ${nth} has failed`);
    }
    await siege.start();
    siege.figures["failures"] = nths.length;
    return siege.end();
  },
};
