/** R11: one client stops reading while 50,000 events are for it. */
import { readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { type Client, connect, op } from "@corral/client";
import { BadNetwork } from "../proxy.ts";
import type { Row } from "../row.ts";
import { Siege } from "../siege.ts";

const EVENTS = { full: 50_000, quick: 20_000 };
const IN_ONE = 100;
/** A long name, so that the events are more than the buffers of the kernel and of what stands between take. */
const burst = (i: number): string => `/burst/${"x".repeat(400)}-${i}`;
const SLOW_MS = 2_000;
const HARD_BYTES = 1 << 20;
/** Of the daemon, above what it was before: what is kept for one client, and the garbage of the work. */
const MORE_MIB_MAX = 220;
const CUT_WITHIN_MS = 15_000;
const PAUSE_MS = 20;
/** Of somebody else's reads meanwhile. */
const READ_MS_MAX = 3_000;

export const slowReader: Row = {
  name: "R11",
  title: "a client stops reading while watches fire",
  boundMs: 120_000,
  async run(stage) {
    const events = stage.isQuick ? EVENTS.quick : EVENTS.full;
    const isPatient = stage.plant === "patient";
    stage.say(`${events} events; cut off beyond ${HARD_BYTES} bytes or after ${SLOW_MS} ms`);
    const limits = isPatient
      ? { unsentBytesHard: 1 << 30, slowConsumerMs: 600_000 }
      : { unsentBytesHard: HARD_BYTES, slowConsumerMs: SLOW_MS };
    const siege = await Siege.lay(stage, { clients: 2, limits });
    const network = await BadNetwork.open(() => siege.daemon.url);
    stage.atEnd(() => network.close());
    const [slow, writer, other] = await Promise.all(
      [network.url, siege.daemon.url, siege.daemon.url].map((url) => connect({ servers: [url], timeoutMs: 60_000 })),
    );
    for (const client of [slow!, writer!, other!]) stage.atEnd(() => client.close({ timeoutMs: 100 }));
    await writer!.create("/burst");
    for (let i = 0; i < IN_ONE; i++) await writer!.create(burst(i));
    await slow!.addWatch("/burst", { recursive: true });
    const before = residentMib(siege.pid);
    const connections = established(siege.pid, siege.daemon.url);
    network.mode = "hole-from-server";
    let most = before;
    const reading = readAll(other!, () => (most = Math.max(most, residentMib(siege.pid))));
    for (let sent = 0; sent < events; sent += IN_ONE)
      await writer!.multi(Array.from({ length: IN_ONE }, (_, i) => op.set(burst(i), Buffer.alloc(40))));
    const isCut = await cutOff(siege, connections);
    const slowestMs = await reading.stop();
    if (!isCut) siege.fail("slow consumer", `whoever does not read is still there after ${CUT_WITHIN_MS} ms`);
    if (most - before > MORE_MIB_MAX)
      siege.fail("memory", `corrald grew from ${before} to ${most} MiB for one client that does not read`);
    if (slowestMs > READ_MS_MAX) siege.fail("others", `a read of another client took ${slowestMs} ms`);
    if (other!.stats().sessionsLost + writer!.stats().sessionsLost > 0)
      siege.fail("others", "another client lost its session");
    Object.assign(siege.figures, { events, "MiB before": before, "MiB at most": most, "slowest read ms": slowestMs });
    network.close();
    await Promise.all([slow!, writer!, other!].map((client) => client.close({ timeoutMs: 1_000 })));
    return siege.end();
  },
};

/** Reads without pause; `stop` says how long the slowest took. */
function readAll(client: Client, look: () => void): { stop: () => Promise<number> } {
  let isOver = false;
  let slowest = 0;
  const running = (async () => {
    while (!isOver) {
      const from = performance.now();
      await client.stat("/burst");
      slowest = Math.max(slowest, performance.now() - from);
      look();
      await wait(PAUSE_MS);
    }
  })();
  return {
    stop: async () => {
      isOver = true;
      await running;
      return Math.round(slowest);
    },
  };
}

/** Of the connections that there were one is gone at the daemon. The client itself hears nothing, and stays where it is. */
async function cutOff({ pid, daemon }: Siege, before: number): Promise<boolean> {
  const until = performance.now() + CUT_WITHIN_MS;
  while (performance.now() < until) {
    if (established(pid, daemon.url) < before) return true;
    await wait(100);
  }
  return false;
}

/** Connections of this server that the kernel counts as established, at its end. */
function established(pid: number, url: string): number {
  const wanted = `:${Number(new URL(url).port).toString(16).toUpperCase().padStart(4, "0")}`;
  return readFileSync(`/proc/${pid}/net/tcp`, "utf8")
    .split("\n")
    .filter((line) => {
      const [, local, , state] = line.trim().split(/\s+/);
      return local?.endsWith(wanted) === true && state === "01";
    }).length;
}

export function residentMib(pid: number): number {
  const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Math.round(Number(kib) / 1024);
}
