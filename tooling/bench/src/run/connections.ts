/**
 * What many connections cost: ten thousand watchers that are told of a change, and ten thousand sessions that do nothing.
 * Each is a connection of its own.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { megabytes } from "../report/numbers.ts";
import type { System } from "../systems/system.ts";
import type { Lab } from "./lab.ts";
import { cpuSeconds } from "./processor-time.ts";
import { Stage, plainVariant } from "./stage.ts";

/** Longer than the part lasts: no session may end by itself. */
const SESSION_TIMEOUT_MS = 30_000;

export async function fanOut(lab: Lab): Promise<void> {
  const { watchers, fanOutRounds: rounds, fanOutZnodes } = lab.scale;
  await onFresh(lab, "fan-out", async (system, stage, variant) => {
    await stage.warmUp(lab.scale.firstWarmUpMs);
    for (const znodes of fanOutZnodes) {
      await lab.attempt(system.name, `fan-out, ${watchers} watchers of ${znodes} znodes`, async () => {
        const { end, ...measured } = await stage.run({ job: "watch", watchers, znodes, rounds });
        const times = end.rounds ?? [];
        if (times.length !== rounds) throw new Error(`${times.length} rounds were told of instead of ${rounds}`);
        lab.results.fanOut.push({ system: system.name, variant, watchers, znodes, ...measured, rounds: times });
        lab.say(`  ${watchers} watchers of ${znodes}: ${times.map((s) => `${Math.round(s * 1000)} ms`).join(", ")}`);
      });
    }
  });
}

export async function sessions(lab: Lab): Promise<void> {
  const { sessions: count, idleMs, settleMsMax } = lab.scale;
  await onFresh(lab, "sessions", async (system, stage, variant) => {
    // Without a load before: what a heap has grown to by then would hide what the sessions take.
    const rssBefore = await stage.settledRss(settleMsMax);
    const { end: _, ...measured } = await stage.run({ job: "sessions", count, timeoutMs: SESSION_TIMEOUT_MS });
    const rssAfter = await stage.settledRss(settleMsMax);
    const cpu = cpuSeconds(stage.server.pid);
    const from = performance.now();
    await sleep(idleMs);
    const idleCpu = cpuSeconds(stage.server.pid) - cpu;
    const idleSeconds = (performance.now() - from) / 1000;
    await stage.release();
    const row = { count, rssBefore, rssAfter, idleCpu, idleSeconds };
    lab.results.sessions.push({ system: system.name, variant, ...measured, ...row });
    lab.say(
      `  ${count} sessions in ${measured.seconds.toFixed(1)} s, ${megabytes(rssBefore)} to ${megabytes(rssAfter)}`,
    );
  });
}

/** Every system in turn, each on an empty directory. */
async function onFresh(
  lab: Lab,
  what: string,
  work: (system: System, stage: Stage, variant: string) => Promise<void>,
): Promise<void> {
  for (const system of lab.systems) {
    lab.say(`${what}: ${system.name}`);
    await lab.attempt(system.name, what, async () => {
      const directory = lab.freshDirectory(system.name);
      const stage = await Stage.open(lab, system, directory);
      try {
        const variant = plainVariant(system);
        await stage.start(variant);
        await work(system, stage, variant);
      } finally {
        await stage.close();
        lab.drop(directory);
      }
    });
  }
}
