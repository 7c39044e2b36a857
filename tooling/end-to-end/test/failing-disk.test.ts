/**
 * corrald on a disk that fails, by strace: killed at the n-th write to the log, and told once that a write failed.
 * The log's segments are open with O_DSYNC, so that its pwritev is write and sync in one. libuv gets one thread, because
 * strace counts calls by thread.
 */
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type Client, connect, isCorralError, text } from "@corral/client";
import { ExitCode } from "@corral/daemon";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  type CorraldProcess,
  type Ended,
  endAll,
  servingPid,
  SMALL_LIMITS,
  startCorrald,
} from "../src/corrald-process.ts";
import { injected, ONE_THREAD } from "../src/injection.ts";
import { copyOf, storedStates } from "../src/stored-state.ts";

const hasStrace = ((): boolean => {
  try {
    execFileSync("strace", ["-f", "-e", "trace=none", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();
if (!hasStrace)
  console.warn(
    "SKIPPED: failing disks. strace is missing or may not trace; install it (Debian: apt-get install strace) and run this again",
  );

/** Of 50 creates each, until enough has failed. */
const TURNS_MAX = 1_000;

let data: string;
beforeEach(async () => {
  data = await mkdtemp(path.join(tmpdir(), "corral-disk-"));
});
afterEach(async () => {
  await endAll();
  await rm(data, { recursive: true, force: true });
});

/** Starts it with the fault and writes one after the other until it ends. Returns what was acknowledged. */
async function writeUntilItEnds(
  fault: string,
): Promise<{ readonly acknowledged: readonly string[]; readonly ended: Ended }> {
  const daemon: CorraldProcess = await startCorrald({
    data,
    limits: SMALL_LIMITS,
    wrapper: injected("pwritev", fault),
    env: ONE_THREAD,
  });
  const client = await connect({ servers: [daemon.url], timeoutMs: 60_000 });
  const acknowledged: string[] = [];
  const writing = Promise.all(Array.from({ length: 4 }, (_, lane) => write(client, `${fault}:${lane}`, acknowledged)));
  const ended = await daemon.ended;
  // Answers all that will never be answered.
  await client.close({ timeoutMs: 1 });
  await writing;
  return { acknowledged, ended };
}

async function write(client: Client, lane: string, acknowledged: string[]): Promise<void> {
  for (let index = 0; ; index++) {
    try {
      const { path: at } = await client.create("/n-", `${lane}:${index}`, { sequential: true, codec: text });
      acknowledged.push(at);
    } catch (error) {
      if (isCorralError(error, "CLOSED", "OUTCOME_UNKNOWN", "SUSPENDED")) return;
      throw error;
    }
  }
}

/** On a sound disk again: every acknowledged znode is there, and each payload once. */
async function expectKept(acknowledged: readonly string[]): Promise<void> {
  const { newest, oldest } = await storedStates(await copyOf(data), SMALL_LIMITS);
  expect(oldest.digest).toBe(newest.digest);
  const daemon = await startCorrald({ data, limits: SMALL_LIMITS });
  const client = await connect({ servers: [daemon.url] });
  const payloads: string[] = [];
  const paths = new Set<string>();
  for await (const { path: at, value } of client.list("/", { include: "data", codec: text })) {
    paths.add(at);
    if (at.startsWith("/n-")) payloads.push(value ?? "");
  }
  expect(acknowledged.filter((at) => !paths.has(at))).toEqual([]);
  expect(new Set(payloads).size).toBe(payloads.length);
  await client.close();
  expect((await daemon.stop()).code).toBe(0);
}

test.skipIf(!hasStrace)(
  "killed at the n-th write of the log, corrald has lost nothing that was acknowledged",
  async () => {
    let total = 0;
    for (const nth of [4, 5, 6, 7, 9, 12, 17, 25, 40, 60, 100, 200]) {
      const { acknowledged, ended } = await writeUntilItEnds(`signal=SIGKILL:when=${nth}`);
      expect(ended.code).toBe("SIGKILL");
      total += acknowledged.length;
      await expectKept(acknowledged);
    }
    console.log(`killed at the n-th write: 12 ends, ${total} acknowledged writes kept`);
    expect(total).toBeGreaterThan(100);
  },
  120_000,
);

test.skipIf(!hasStrace)(
  "told once that a write of the log failed, corrald acknowledges nothing more and ends with 74",
  async () => {
    for (const nth of [5, 6, 8, 15, 40, 120]) {
      const { acknowledged, ended } = await writeUntilItEnds(`error=EIO:when=${nth}`);
      expect(ended.code).toBe(ExitCode.logFailed);
      const last = JSON.parse(ended.stderr.trimEnd().split("\n").at(-1)!) as Record<string, unknown>;
      expect(last).toMatchObject({ level: "fatal", event: "failed", msg: expect.stringContaining("cannot go on") });
      await expectKept(acknowledged);
    }
  },
  120_000,
);

test.skipIf(!hasStrace)(
  "told now and then that a sync failed beside the log, of a snapshot or a fresh segment, corrald tries again and goes on",
  async () => {
    const wrapper = injected("fdatasync", "error=EIO:when=8+5");
    const daemon = await startCorrald({ data, limits: SMALL_LIMITS, wrapper, env: ONE_THREAD });
    const client = await connect({ servers: [daemon.url] });
    const acknowledged: string[] = [];
    const createMany = async (turn: number): Promise<void> => {
      const made = Array.from({ length: 50 }, (_, index) =>
        client.create("/n-", `${turn}:${index}`.padEnd(200), { sequential: true, codec: text }),
      );
      for (const { path: at } of await Promise.all(made)) acknowledged.push(at);
    };
    const failures = (): number => daemon.log().match(/"event":"(snapshot_failed|log_background)"/g)?.length ?? 0;
    let turn = 0;
    while (failures() < 3 && turn < TURNS_MAX) await createMany(turn++);
    expect(failures()).toBeGreaterThanOrEqual(3);
    await createMany(turn);
    await client.close();
    // Not the wrapper, which would let go of it.
    process.kill(servingPid(daemon.log())!, "SIGKILL");
    expect((await daemon.ended).code).toBe("SIGKILL");
    await expectKept(acknowledged);
  },
  60_000,
);
