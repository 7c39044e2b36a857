/** R12: strangers take every file descriptor that corrald may have. */
import net from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { type Client, connect, isCorralError } from "@corral/client";
import { SMALLEST } from "../proof.ts";
import type { Row } from "../row.ts";
import { Siege } from "../siege.ts";

const DESCRIPTORS = 64;
const STRANGERS = 120;
const ROUNDS = { full: 3, quick: 1 };
/** For so long nobody new comes in. */
const HELD_MS = 5_000;
const BACK_MS = 15_000;
/** Of the one that is watched; enough to fill several segments. */
const VALUE = Buffer.alloc(4 << 10, 1);
const WRITE_MS = 500;
const READS_MIN = 8;

export const descriptors: Row = {
  name: "R12",
  title: "no file descriptors are left",
  boundMs: 120_000,
  async run(stage) {
    const rounds = stage.isQuick ? ROUNDS.quick : ROUNDS.full;
    stage.say(`${STRANGERS} strangers at a corrald with ${DESCRIPTORS} descriptors, ${rounds} times`);
    const siege = await Siege.lay(
      stage,
      { clients: 4, limits: SMALLEST },
      { wrapper: ["sh", "-c", `ulimit -n ${DESCRIPTORS}; exec "$@"`, "sh"] },
    );
    const insider = await connect({ servers: [siege.daemon.url], timeoutMs: BACK_MS });
    stage.atEnd(() => insider.close({ timeoutMs: 100 }));
    await insider.create("/inside");
    let written = 0;
    let turnedAway = 0;
    for (let round = 0; round < rounds; round++) {
      const { hostname, port } = new URL(siege.daemon.url);
      const strangers = Array.from({ length: STRANGERS }, () =>
        net.connect(Number(port), hostname).on("error", () => {}),
      );
      stage.atEnd(() => strangers.forEach((each) => each.destroy()));
      const { reads, writes } = await busyFor(HELD_MS, insider);
      if (reads < READS_MIN) siege.fail("service", `one that was there was answered ${reads} reads in ${HELD_MS} ms`);
      written += writes;
      turnedAway += strangers.filter(({ destroyed, readyState }) => destroyed || readyState !== "open").length;
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
    Object.assign(siege.figures, {
      rounds,
      strangers: rounds * STRANGERS,
      "turned away": turnedAway,
      "writes meanwhile": written,
    });
    await insider.close();
    if (siege.load.lost.server > 0) siege.fail("sessions", `${siege.load.lost.server} sessions ended`);
    return siege.end();
  },
};

/**
 * Reads and writes, one after the other. Reads are answered whatever happens; a write may have to wait for the log's next segment, which
 * needs a descriptor too.
 */
async function busyFor(ms: number, client: Client): Promise<{ readonly reads: number; readonly writes: number }> {
  const until = performance.now() + ms;
  let reads = 0;
  let writes = 0;
  while (performance.now() < until) {
    await client.stat("/inside");
    reads++;
    try {
      await client.set("/inside", VALUE, { timeoutMs: WRITE_MS });
      writes++;
    } catch (error) {
      if (!isCorralError(error)) throw error;
    }
    await wait(5);
  }
  return { reads, writes };
}
