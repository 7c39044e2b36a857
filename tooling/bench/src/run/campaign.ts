/**
 * A whole run: looks at the machine, prepares the systems, goes through the parts, and hands back what was measured. Owns
 * the scratch directories and their end. Writes no page.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Arguments } from "../arguments.ts";
import { type Growing, RESULTS_FORMAT, type Results, type SystemFacts } from "../report/results.ts";
import type { System } from "../systems/system.ts";
import { killAll } from "./children.ts";
import { Lab } from "./lab.ts";
import { missingForOneCore } from "./one-core.ts";
import { busyShare, commitOf, machineFacts, openFilesMax } from "./machine.ts";
import { planText, stepsOf } from "./plan.ts";
import { FULL, QUICK } from "./scale.ts";

/** Of all cores, used by others before anything begins. */
const BUSY_SHARE_MAX = 0.1;
/** Beside one for each connection. */
const FILES_BESIDE = 500;

/** A system is not on this machine, and `--require` was said. */
export class MissingSystem extends Error {}

export async function campaign(
  args: Arguments,
  all: readonly System[],
  root: string,
  command: string,
): Promise<Results> {
  const base = args.quick ? QUICK : FULL;
  const scale = { ...base, rounds: args.rounds ?? base.rounds };
  const scratch = mkdtempSync(join(tmpdir(), "corral-bench-"));
  // Also when a signal or a mistake ends the process: children first, they may still write.
  const cleanUp = (): void => {
    killAll();
    rmSync(scratch, { recursive: true, force: true, maxRetries: 3 });
  };
  process.once("exit", cleanUp);
  const began = performance.now();
  try {
    const machine = machineFacts(scratch);
    const warnings = await warningsOf(machine.cores, machine.diskIsMemory, scratch, scale.sessions);
    const noPinning = args.only.includes("throughput") ? missingForOneCore() : undefined;
    if (noPinning !== undefined) warnings.push(`without 1 × 1 on one core, because taskset is missing: ${noPinning}`);
    const failures: Growing["failures"] = [];
    const { systems, facts } = await prepared(args, all, root, failures);
    const results: Growing = {
      format: RESULTS_FORMAT,
      date: new Date().toISOString(),
      commit: commitOf(root),
      quick: args.quick,
      rounds: scale.rounds,
      command,
      minutes: 0,
      warnings,
      machine,
      systems: facts,
      throughput: [],
      fanOut: [],
      sessions: [],
      sizes: [],
      restarts: [],
      snapshots: [],
      floors: [],
      failures,
    };
    const lab = new Lab(systems, scale, join(scratch, "data"), results, root);
    const steps = stepsOf(scale, systems, args.only);
    for (const line of [`data in ${lab.directory}: ${machine.disk}`, ...warnings.map((text) => `WARNING: ${text}`)]) {
      lab.say(line);
    }
    lab.say(planText(steps));
    for (const { run } of steps) await run(lab);
    results.minutes = (performance.now() - began) / 60_000;
    return results;
  } finally {
    process.removeListener("exit", cleanUp);
    cleanUp();
  }
}

/** Those that can run, ready to; and the facts of all that were asked for. */
async function prepared(
  args: Arguments,
  all: readonly System[],
  root: string,
  failures: Growing["failures"],
): Promise<{ systems: readonly System[]; facts: SystemFacts[] }> {
  const systems: System[] = [];
  const facts: SystemFacts[] = [];
  for (const system of all.filter(({ name }) => args.systems.includes(name))) {
    const missing = system.missing();
    if (missing !== undefined) {
      if (args.require) throw new MissingSystem(`${system.name} is missing: ${missing}`);
      console.error(`\nWITHOUT ${system.name.toUpperCase()}: ${missing}\n`);
      facts.push({ name: system.name, missing, clients: [] });
      continue;
    }
    try {
      // Kept from one run to the next: to compile a client for Go takes a quarter of a minute.
      const own = join(root, "tooling/bench/node_modules/.cache", system.name);
      mkdirSync(own, { recursive: true });
      console.log(`preparing ${system.name}`);
      await system.prepare(own);
      facts.push({ name: system.name, version: await system.version(), clients: [] });
      systems.push(system);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      console.error(`\nWITHOUT ${system.name.toUpperCase()}: it could not be prepared: ${why}\n`);
      failures.push({ system: system.name, what: "preparing", why });
      facts.push({ name: system.name, clients: [] });
    }
  }
  return { systems, facts };
}

async function warningsOf(cores: number, isMemory: boolean, directory: string, sessions: number): Promise<string[]> {
  const warnings: string[] = [];
  const busy = await busyShare(cores);
  if (busy > BUSY_SHARE_MAX) {
    warnings.push(`others used ${Math.round(busy * 100)} % of the machine before the run began: figures are too low`);
  }
  if (isMemory) {
    warnings.push(
      `${directory} is in memory: a durable write costs nothing there; set TMPDIR to a directory on a disk`,
    );
  }
  const files = openFilesMax();
  if (files < sessions + FILES_BESIDE) {
    warnings.push(`a process may have ${files} files open: too few for ${sessions} connections; see \`ulimit -n\``);
  }
  return warnings;
}
