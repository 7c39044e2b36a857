/**
 * Server and generator on one core for a while, by `taskset`: a wake-up of another core that is idle takes longer than a
 * lone operation on some machines, and most of all on virtual ones. Owns where the threads of the two may run, and that they
 * may run everywhere again afterwards.
 */
import { execFile, spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { promisify } from "node:util";

const run = promisify(execFile);
const TASKSET_MS_MAX = 5_000;
/** A thread may begin or end while the others are moved. */
const TRIES_MAX = 5;

/** What is missing on this machine and how to install it; undefined: it can be done. */
export function missingForOneCore(): string | undefined {
  const { error, status } = spawnSync("taskset", ["--version"], { stdio: "ignore", timeout: TASKSET_MS_MAX });
  return error === undefined && status === 0 ? undefined : "apt-get install util-linux";
}

/** Does `work` while all threads of these processes share one core; those that they begin meanwhile share it too. */
export async function onOneCore<T>(pids: readonly number[], work: () => Promise<T>): Promise<T> {
  // Those that this process may use: a container may not have core 0.
  const all = coresOf(readFileSync("/proc/self/status", "utf8"));
  const first = /^\d+/.exec(all)![0];
  try {
    for (const pid of pids) await keepOn(first, pid);
    return await work();
  } finally {
    for (const pid of pids) await keepOn(all, pid);
  }
}

/** `cores`: as the kernel writes such a list. Of a process that has ended there is nothing to keep. */
async function keepOn(cores: string, pid: number): Promise<void> {
  let why: unknown;
  for (let tried = 0; tried < TRIES_MAX; tried++) {
    try {
      await run("taskset", ["-a", "-c", "-p", cores, String(pid)], { timeout: TASKSET_MS_MAX });
    } catch (error) {
      // Of a thread that ended before its turn came. Whether the others moved is seen below.
      why = error;
    }
    if (coresOfThreads(pid).every((found) => found === cores)) return;
  }
  throw new Error(`process ${pid} cannot be kept on core ${cores}`, { cause: why });
}

/** The cores that each thread of a process may use; of those that have ended there are none. */
export function coresOfThreads(pid: number): readonly string[] {
  const read = <T>(from: () => T): T | undefined => {
    try {
      return from();
    } catch {
      return undefined;
    }
  };
  const threads = read(() => readdirSync(`/proc/${pid}/task`)) ?? [];
  return threads.flatMap((thread) => {
    const status = read(() => readFileSync(`/proc/${pid}/task/${thread}/status`, "utf8"));
    return status === undefined || /^State:\s+[ZX]/m.test(status) ? [] : [coresOf(status)];
  });
}

function coresOf(status: string): string {
  const found = /^Cpus_allowed_list:\s+(\S+)/m.exec(status);
  if (found === null) throw new Error("the kernel does not say on which cores a thread may run");
  return found[1]!;
}
