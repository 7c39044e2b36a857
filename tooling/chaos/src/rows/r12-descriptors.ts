/** R12: strangers take every file descriptor that corrald may have. */
import net from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { connect, isCorralError } from "@corral/client";
import type { Row } from "../row.ts";
import { Siege } from "../siege.ts";

const DESCRIPTORS = 64;
const STRANGERS = 120;
const ROUNDS = { full: 3, quick: 1 };
/** For so long nobody new comes in. */
const HELD_MS = 2_500;
const BACK_MS = 15_000;

export const descriptors: Row = {
  name: "R12",
  title: "no file descriptors are left",
  boundMs: 120_000,
  async run(stage) {
    const rounds = stage.isQuick ? ROUNDS.quick : ROUNDS.full;
    stage.say(`${STRANGERS} strangers at a corrald with ${DESCRIPTORS} descriptors, ${rounds} times`);
    const siege = await Siege.lay(
      stage,
      { clients: 3 },
      { wrapper: ["sh", "-c", `ulimit -n ${DESCRIPTORS}; exec "$@"`, "sh"] },
    );
    let turnedAway = 0;
    for (let round = 0; round < rounds; round++) {
      const { hostname, port } = new URL(siege.daemon.url);
      const strangers = Array.from({ length: STRANGERS }, () =>
        net.connect(Number(port), hostname).on("error", () => {}),
      );
      stage.atEnd(() => strangers.forEach((each) => each.destroy()));
      const answered = siege.load.answered;
      await wait(HELD_MS);
      turnedAway += strangers.filter(({ destroyed, readyState }) => destroyed || readyState !== "open").length;
      if (siege.load.answered === answered) siege.fail("service", "those that were there are no longer served");
      for (const each of strangers) each.destroy();
      try {
        const late = await connect({ servers: [siege.daemon.url], timeoutMs: BACK_MS });
        await late.create(`/late-${round}`);
        await late.close();
      } catch (error) {
        if (!isCorralError(error)) throw error;
        siege.fail("recovery", `nobody comes in, ${BACK_MS} ms after the strangers have gone: ${error.message}`);
      }
    }
    Object.assign(siege.figures, { rounds, strangers: rounds * STRANGERS, "turned away": turnedAway });
    if (siege.load.lost.server > 0) siege.fail("sessions", `${siege.load.lost.server} sessions ended`);
    return siege.end();
  },
};
