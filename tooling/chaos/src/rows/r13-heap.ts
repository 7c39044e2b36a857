/** R13: more work at once than a small heap could hold: refused by limits, before memory is. */
import { type Client, connect, CorralError } from "@corral/client";
import { injected, ONE_THREAD } from "@corral/end-to-end";
import type { Row } from "../row.ts";
import { Siege } from "../siege.ts";
import { residentMib } from "./r11-slow-reader.ts";

const HEAP_MIB = 256;
const CLIENTS = 24;
/** Of each client, at once. */
const CALLS = { full: 1_500, quick: 500 };
const VALUE_BYTES = 16 << 10;
const PATHS = 50;
/** Writes are so slow that the queues fill. */
const SLOW_US = 40_000;
const ROUNDS = { full: 3, quick: 1 };
const LIMITS = { uncommittedBytes: 8 << 20, snapshotEntries: 1_000_000_000, segmentBytes: 4 << 20 };

export const heap: Row = {
  name: "R13",
  title: `more at once than a heap of ${HEAP_MIB} MiB holds`,
  boundMs: 180_000,
  needs: ["strace"],
  async run(stage) {
    const [calls, rounds] = stage.isQuick ? [CALLS.quick, ROUNDS.quick] : [CALLS.full, ROUNDS.full];
    stage.say(`${rounds} times ${CLIENTS} clients with ${calls} writes of ${VALUE_BYTES} bytes each at once`);
    const siege = await Siege.lay(
      stage,
      { clients: 2, limits: LIMITS },
      {
        wrapper: injected("pwritev", `delay_enter=${SLOW_US}:when=20+1`),
        env: { ...ONE_THREAD, NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}` },
      },
    );
    const answers = new Map<string, number>();
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, () =>
        connect({ servers: [siege.daemon.url], timeoutMs: 4_000, session: { timeoutMs: 20_000 } }),
      ),
    );
    for (const client of clients) stage.atEnd(() => client.close({ timeoutMs: 100 }));
    await clients[0]!.create("/heap");
    let most = 0;
    const looking = setInterval(() => (most = Math.max(most, residentMib(siege.pid))), 100);
    try {
      for (let round = 0; round < rounds; round++)
        await Promise.all(clients.map((client, index) => flood(client, index, calls, answers)));
    } finally {
      clearInterval(looking);
    }
    const ended = await Promise.race([siege.daemon.ended, Promise.resolve(undefined)]);
    if (ended !== undefined) siege.fail("memory", `it ended with ${ended.code}: ${ended.stderr.slice(-400)}`);
    for (const [answer, count] of answers) siege.figures[answer] = count;
    siege.figures["MiB at most"] = most;
    if (![...answers.keys()].some((answer) => answer !== "done"))
      siege.fail("fault", "nothing was refused: there was no pressure");
    for (const client of clients) await client.close({ timeoutMs: 500 });
    process.kill(siege.pid, "SIGKILL");
    await siege.daemon.ended;
    await siege.start();
    return siege.end();
  },
};

async function flood(client: Client, index: number, calls: number, answers: Map<string, number>): Promise<void> {
  const count = (answer: string): void => void answers.set(answer, (answers.get(answer) ?? 0) + 1);
  const data = Buffer.alloc(VALUE_BYTES, index);
  await Promise.all(
    Array.from({ length: calls }, async (_, i) => {
      const at = `/heap/${index}-${i % PATHS}`;
      try {
        await (i < PATHS ? client.create(at, data) : client.set(at, data));
        count("done");
      } catch (error) {
        if (!(error instanceof CorralError)) throw error;
        count(error.code);
      }
    }),
  );
}
