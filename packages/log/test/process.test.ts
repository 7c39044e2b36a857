/** The log in a real process, on a real disk. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openFileLog } from "../src/index.ts";

let directory: string;
let child: ChildProcess | undefined;
beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "corral-process-"));
});
afterEach(async () => {
  child?.kill("SIGKILL");
  await rm(directory, { recursive: true });
});

const writer = path.join(import.meta.dirname, "writer-process.ts");

/** Runs the writer until it has acknowledged so many more batches and kills it, or until it exits. */
async function runWriter(
  acknowledged: number,
  wrapper: readonly string[] = [],
): Promise<{ last: number; status: number | null; errors: string }> {
  const [command, ...args] = [...wrapper, process.execPath, writer, directory];
  const running = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NODE_NO_WARNINGS: "1" },
  });
  child = running;
  let output = "";
  let errors = "";
  running.stderr.on("data", (bytes: Buffer) => (errors += bytes.toString()));
  running.stdout.on("data", (bytes: Buffer) => {
    output += bytes.toString();
    if (output.split("\n").length > acknowledged) running.kill("SIGKILL");
  });
  const status = await new Promise<number | null>((resolve) => running.once("close", resolve));
  return { last: Number(output.slice(0, output.lastIndexOf("\n")).split("\n").at(-1)), status, errors };
}

/** Reads everything back and checks every byte. */
async function lastStored(): Promise<number> {
  const log = openFileLog({ directory, readOnly: true, limits: { segmentBytes: 256 << 10, maxRecordBytes: 32 << 10 } });
  let last = 0;
  await log.recover({
    snapshot: async () => {},
    batch: ({ seq, body }) => {
      expect(seq).toBe(last + 1);
      expect(Buffer.from(body).equals(Buffer.alloc(50 + ((seq * 37) % 3000), `${seq} `))).toBe(true);
      last = seq;
    },
  });
  return last;
}

test("ten processes one after the other, each killed under load, lose nothing that one of them acknowledged", async () => {
  for (let round = 0; round < 10; round += 1) {
    const { last, errors } = await runWriter(20 + round * 17);
    expect(errors).toBe("");
    expect(last).toBeGreaterThanOrEqual(20);
    expect(await lastStored()).toBeGreaterThanOrEqual(last);
  }
}, 60_000);

const strace = ((): boolean => {
  try {
    execFileSync("strace", ["-f", "-e", "trace=none", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

test.skipIf(!strace || process.platform !== "linux")(
  "a process whose disk refuses one write acknowledges nothing more, exits with 74, and nothing acknowledged is lost",
  async () => {
    const inject = [
      "env",
      "UV_THREADPOOL_SIZE=1",
      "strace",
      "-f",
      "-qq",
      "-o",
      "/dev/null",
      "-e",
      "trace=pwritev",
      "-e",
    ];
    for (const failAt of [5, 20, 60]) {
      const { last, status, errors } = await runWriter(100_000, [...inject, `inject=pwritev:error=EIO:when=${failAt}`]);
      expect(status).toBe(74);
      expect(errors).toMatch(/^IO_FAILED /);
      expect(await lastStored()).toBeGreaterThanOrEqual(last);
      expect((await runWriter(5)).errors).toBe("");
    }
  },
  60_000,
);
