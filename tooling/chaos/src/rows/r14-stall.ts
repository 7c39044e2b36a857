/** R14: corrald's own event loop is busy for longer than sessions live, also those of clients that are away just then. */
import { setTimeout as wait } from "node:timers/promises";
import { type Client, connect } from "@corral/client";
import { WebSocket } from "ws";
import { plantedEnv } from "../plants/plants.ts";
import type { Row } from "../row.ts";
import { Siege } from "../siege.ts";

const SESSION_MS = 5_000;
const STALL_MS = 6_000;
/** Every other one while nobody writes: what is on its way to the log stops the clock of sessions, and would hide a mistake of that clock. */
const STALLS = { full: 4, quick: 2 };
const SESSIONS = 40;
/** Of one stall, on a machine so busy that all sessions are over before corrald is. */
const TRIES_MAX = 4;
/** Of a stall no more than this counts as silence. */
const COUNTED_MS_MAX = 500;
const REST_MS = 20_000;
/** Between two looks at who is still there. */
const LOOK_MS = 100;
/** Nobody came for them: they are over, by so long later. */
const GONE_MS = 20_000;

export const stall: Row = {
  name: "R14",
  title: "the event loop of corrald is busy for seconds",
  boundMs: 240_000,
  async run(stage) {
    const stalls = stage.isQuick ? STALLS.quick : STALLS.full;
    stage.say(
      `${stalls} times ${STALL_MS} ms, each with ${SESSIONS} sessions of ${SESSION_MS} ms whose clients are away`,
    );
    const siege = await Siege.lay(
      stage,
      { clients: 3, load: { sessionTimeoutMs: SESSION_MS } },
      { env: { NODE_OPTIONS: `${plantedEnv(stage.plant)["NODE_OPTIONS"] ?? ""} --inspect=127.0.0.1:0` } },
    );
    const inspector = /ws:\/\/127\.0\.0\.1:\d+\/[0-9a-f-]+/.exec(siege.daemon.log())?.[0];
    if (inspector === undefined) throw new Error(`no inspector: ${siege.daemon.log()}`);
    const client = await connect({ servers: [siege.daemon.url], timeoutMs: 30_000 });
    stage.atEnd(() => client.close({ timeoutMs: 100 }));
    await client.create("/away");
    for (let i = 0; i < stalls; i++) {
      if (i % 2 === 1) await siege.load.pause(REST_MS);
      let tries = 1;
      while (!(await stallOnce(siege, client, inspector, `${i}-${tries}`)) && tries <= TRIES_MAX) tries++;
      if (tries > TRIES_MAX) siege.fail("fault", "this machine is too slow: nobody was owed anything after a stall");
      siege.load.resume();
      if (!(await empties(client)))
        siege.fail("expiry", `sessions that nobody came for live ${GONE_MS} ms after a stall`);
    }
    Object.assign(siege.figures, {
      stalls,
      sessions: stalls * SESSIONS,
      "ended by the server": siege.load.lost.server,
    });
    if (siege.load.lost.server > 0)
      siege.fail("sessions", `${siege.load.lost.server} clients were told that their session is over`);
    await client.close();
    return siege.end();
  },
};

interface Left {
  readonly name: string;
  /** It has been heard no earlier than this. */
  readonly heardAt: number;
}

/** False: it shows nothing, for nobody was owed anything. */
async function stallOnce(siege: Siege, client: Client, inspector: string, name: string): Promise<boolean> {
  const leaving = Array.from({ length: SESSIONS }, (_, i) => leaveBehind(siege.daemon.url, `${name}-${i}`));
  const left = (await Promise.all(leaving)).filter((one) => one !== undefined);
  const tookMs = await busy(inspector, STALL_MS);
  const began = performance.now() - tookMs;
  if (tookMs < STALL_MS) siege.fail("fault", `the loop was busy for ${tookMs} ms only`);
  // Whose time was over when corrald began to be busy is owed nothing.
  const alive = left.filter(({ heardAt }) => began < heardAt + SESSION_MS);
  return demandOwed(siege, client, alive, tookMs);
}

/** A session with an ephemeral znode, whose client has gone without ending it. Undefined if it was over before that. */
async function leaveBehind(url: string, name: string): Promise<Left | undefined> {
  const client = await connect({ servers: [url], session: { timeoutMs: SESSION_MS } });
  const heardAt = performance.now();
  try {
    await client.create(`/away/${name}`, null, { lifetime: "ephemeral" });
    await client.detach();
    return { name, heardAt };
  } catch {
    await client.close({ timeoutMs: 1_000 });
    return undefined;
  }
}

/**
 * Each session is there for as long as its timeout and the stall together, and is looked for until then: however slow this machine is
 * just now, whoever has gone before that was ended because corrald was busy. False: nobody was owed anything any more.
 */
async function demandOwed(siege: Siege, client: Client, left: readonly Left[], stallMs: number): Promise<boolean> {
  for (let looks = 0; ; looks++) {
    const there = new Set(await client.children("/away"));
    const now = performance.now();
    const owed = left.filter(({ heardAt }) => now < heardAt + SESSION_MS + stallMs - COUNTED_MS_MAX);
    if (owed.length === 0) return looks > 0;
    const gone = owed.filter(({ name }) => !there.has(name));
    if (gone.length > 0) {
      siege.fail("sessions", `${gone.length} of ${owed.length} sessions were ended because corrald was busy`);
      return true;
    }
    await wait(LOOK_MS);
  }
}

async function empties(client: Client): Promise<boolean> {
  const until = performance.now() + GONE_MS;
  while (performance.now() < until) {
    if ((await client.children("/away")).length === 0) return true;
    await wait(200);
  }
  return false;
}

/** Keeps the process's only thread for so long. Returns how long it was kept. */
async function busy(inspector: string, ms: number): Promise<number> {
  const socket = new WebSocket(inspector);
  await new Promise((resolve, reject) => void socket.once("open", resolve).once("error", reject));
  const expression = `(() => { const from = Date.now(); while (Date.now() - from < ${ms}); return Date.now() - from; })()`;
  socket.send(JSON.stringify({ id: 1, method: "Runtime.evaluate", params: { expression } }));
  const answer = await new Promise<string>((resolve) =>
    socket.once("message", (data: Buffer) => resolve(data.toString())),
  );
  socket.terminate();
  return (JSON.parse(answer) as { readonly result: { readonly result: { readonly value: number } } }).result.result
    .value;
}
