/** R7: SIGSTOP, of the daemon and of clients, for less and for more than a session's timeout. */
import { setTimeout as wait } from "node:timers/promises";
import { contendForOneLock, fencingViolations } from "@corral/end-to-end";
import { Holder } from "../holder.ts";
import type { Row } from "../row.ts";
import { Siege } from "../siege.ts";

const SESSION_MS = 1_000;
/** Of the session timeout. */
const TIMES = { full: [0.3, 0.6, 0.9, 1.5, 2, 3, 0.3, 3], quick: [0.3, 3] };
/** A client must know by then that its session may be over; in times of the timeout. */
const KNOWS_BY = 1.3;
const BACK_MS = 20_000;
/** Between two stops. */
const PAUSE_MS = 300;
const CONTEST = { processes: 5, clientsEach: 4, sessionTimeoutMs: 500, handOvers: 80, stopEvery: 8 };

export const stopped: Row = {
  name: "R7",
  title: "SIGSTOP of daemon and clients, 0.3 to 3 times the session timeout",
  boundMs: 180_000,
  async run(stage) {
    const times = stage.isQuick ? TIMES.quick : TIMES.full;
    stage.say(
      `the daemon stands still for ${times.join(", ")} times ${SESSION_MS} ms; ${CONTEST.handOvers} hand-overs among stopped clients`,
    );
    const siege = await Siege.lay(stage, { clients: 4, load: { sessionTimeoutMs: SESSION_MS } });
    const holder = await Holder.open({ servers: async () => [siege.daemon.url], sessionTimeoutMs: SESSION_MS });
    stage.atEnd(() => holder.close());
    let lost = 0;
    for (const times_ of times) {
      await wait(PAUSE_MS);
      process.kill(siege.pid, "SIGSTOP");
      try {
        await wait(times_ * SESSION_MS);
        if (times_ > KNOWS_BY && holder.isSure)
          siege.fail("loss", `${times_} timeouts after the daemon stopped, a holder believes that it holds`);
        if (times_ < 0.5 && !holder.isSure)
          siege.fail("loss", `${times_} of a timeout after the daemon stopped, a holder has given up`);
      } finally {
        process.kill(siege.pid, "SIGCONT");
      }
      await holder.connected(BACK_MS);
      if (holder.isSure) continue;
      lost++;
      const further = await holder.again();
      if (further <= 0) siege.fail("tokens", `a token ${-further} smaller than the one before`);
    }
    Object.assign(siege.figures, { stops: times.length, "holds lost": lost });
    await holder.close();
    const { server, "local-deadline": givenUp } = siege.load.lost;
    siege.figures["sessions given up"] = givenUp;
    if (server > 0) siege.fail("sessions", `${server} sessions ended because the daemon stood still`);
    // The end-to-end suite does this at length, in CI too.
    if (!stage.isQuick || stage.plant === "unfenced") {
      const store = await contendForOneLock({
        ...CONTEST,
        url: siege.daemon.url,
        isFenced: stage.plant !== "unfenced",
      });
      const late = store.history.filter(({ isLate }) => isLate);
      for (const { contender, token } of fencingViolations(store.history))
        siege.fail("fencing", `the store took a write of ${contender} with the token ${token}, which was old`);
      if (store.overtaken === 0) siege.fail("fault", "no client that stood still was overtaken");
      Object.assign(siege.figures, {
        "hand-overs": store.handOvers,
        overtaken: store.overtaken,
        "late writes": late.length,
      });
    } else stage.say("stopped clients: not in the bounded share, npm run test:slow has them (fencing)");
    return siege.end();
  },
};
