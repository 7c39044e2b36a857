/** R14: corrald's own event loop is busy for longer than sessions live. */
import { setTimeout as wait } from "node:timers/promises";
import { type Client, connect } from "@corral/client";
import { WebSocket } from "ws";
import { plantedEnv } from "../plants/plants.ts";
import type { Row } from "../row.ts";
import { Siege } from "../siege.ts";

const SESSION_MS = 1_200;
const STALL_MS = 2_000;
const STALLS = { full: 4, quick: 2 };
const SESSIONS = 60;
const PAUSE_MS = 1_500;
/** Clients give up by their own deadline meanwhile; those that have a longer one must still have their session. */
const PATIENT_MS = 10_000;

export const stall: Row = {
  name: "R14",
  title: "the event loop of corrald is busy for seconds",
  boundMs: 90_000,
  async run(stage) {
    const stalls = stage.isQuick ? STALLS.quick : STALLS.full;
    stage.say(`${stalls} times ${STALL_MS} ms, with ${SESSIONS} sessions of ${SESSION_MS} ms and as many of ${PATIENT_MS} ms`);
    const siege = await Siege.lay(stage, { clients: 3, load: { sessionTimeoutMs: PATIENT_MS } }, {
      env: { NODE_OPTIONS: `${plantedEnv(stage.plant)["NODE_OPTIONS"] ?? ""} --inspect=127.0.0.1:0` },
    });
    const inspector = /ws:\/\/127\.0\.0\.1:\d+\/[0-9a-f-]+/.exec(siege.daemon.log())?.[0];
    if (inspector === undefined) throw new Error(`no inspector: ${siege.daemon.log()}`);
    // The short sessions end at the server only if it counts its own stall: their clients keep silent about their own deadlines.
    const expiredByServer = { count: 0 };
    const clients = await Promise.all(
      Array.from({ length: 2 * SESSIONS }, (_, i) => patient(siege.daemon.url, i % 2 === 0 ? SESSION_MS : PATIENT_MS, expiredByServer)),
    );
    for (const client of clients) stage.atEnd(() => client.close({ timeoutMs: 100 }));
    for (let i = 0; i < stalls; i++) {
      await wait(PAUSE_MS);
      const tookMs = await busy(inspector, STALL_MS);
      if (tookMs < STALL_MS) siege.fail("fault", `the loop was busy for ${tookMs} ms only`);
    }
    await wait(PAUSE_MS);
    Object.assign(siege.figures, { stalls, sessions: clients.length, "ended by the server": expiredByServer.count });
    if (expiredByServer.count + siege.load.lost.server > 0)
      siege.fail("sessions", `${expiredByServer.count + siege.load.lost.server} sessions were ended because corrald was busy`);
    await Promise.all(clients.map((client) => client.close({ timeoutMs: 1_000 })));
    return siege.end();
  },
};

async function patient(url: string, timeoutMs: number, ended: { count: number }): Promise<Client> {
  const client = await connect({ servers: [url], session: { timeoutMs }, timeoutMs: 20_000 });
  client.on("state", (state) => {
    if (state.name === "expired" && state.by === "server") ended.count++;
  });
  return client;
}

/** Keeps the process's only thread for so long. Returns how long it was kept. */
async function busy(inspector: string, ms: number): Promise<number> {
  const socket = new WebSocket(inspector);
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const expression = `(() => { const from = Date.now(); while (Date.now() - from < ${ms}); return Date.now() - from; })()`;
  socket.send(JSON.stringify({ id: 1, method: "Runtime.evaluate", params: { expression } }));
  const answer = await new Promise<string>((resolve) => socket.once("message", (data: Buffer) => resolve(data.toString())));
  socket.terminate();
  return (JSON.parse(answer) as { result: { result: { value: number } } }).result.result.value;
}
