/** The demo as people run it: real processes, what it prints at its end, and that none of them outlives it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";

const MAIN = join(import.meta.dirname, "..", "..", "dist", "demo", "main.js");
const running = new Set<ChildProcess>();

afterEach(() => {
  for (const child of running) child.kill("SIGKILL");
  running.clear();
});

class Demo {
  readonly process: ChildProcess;
  readonly ended: Promise<number | string>;
  output = "";

  constructor(...flags: string[]) {
    this.process = spawn(process.execPath, [MAIN, "--fast", ...flags], { stdio: ["ignore", "pipe", "pipe"] });
    running.add(this.process);
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on("data", (bytes: Buffer) => (this.output += bytes.toString()));
    }
    this.ended = once(this.process, "close").then(([code, signal]) => (code ?? signal) as number | string);
  }

  get folder(): string {
    return /data in (\S+)/.exec(this.output)?.[1] ?? "not begun";
  }

  /** Processes of this demo that live, by their command lines: all of them name its folder. */
  get children(): string[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && Number(name) !== this.process.pid)
      .map((pid) => {
        try {
          return readFileSync(`/proc/${pid}/cmdline`, "utf8");
        } catch {
          // It has just ended.
          return "";
        }
      })
      .filter((line) => line.includes(this.folder));
  }
}

test("the demo ends with nothing lost and nothing twice, and leaves no process behind", async () => {
  const demo = new Demo();
  expect(await demo.ended, demo.output).toBe(0);
  expect(demo.output).toMatch(/ lost +0\n +duplicated +0\n/);
  expect(demo.output).toMatch(/ produced +[1-9]\d{3,}\n/);
  expect(demo.output).toContain("0 violations");
  expect(demo.children).toEqual([]);
});

test.each([
  ["loss", / lost +1 /],
  ["duplicate", / duplicated +1 /],
])("a planted %s is found by the checker", async (plant, found) => {
  const demo = new Demo("--plant", plant);
  expect(await demo.ended, demo.output).toBe(1);
  expect(demo.output).toMatch(found);
  expect(demo.output).toContain(`--plant ${plant} was to be found, and was`);
});

test.each([
  ["--seconds", "x"],
  ["--rate", "0"],
  ["--plant", "theft"],
  ["--fats", ""],
])("%s %s is refused before anything starts", async (flag, value) => {
  const demo = new Demo(flag, ...(value === "" ? [] : [value]));
  expect(await demo.ended).toBe(2);
  expect(demo.output).toContain(flag);
  expect(demo.output).not.toContain("corrald");
});

test.each(["SIGINT", "SIGTERM", "SIGKILL"] as const)("no process outlives a demo that ends by %s", async (signal) => {
  const demo = new Demo();
  await vi.waitFor(() => expect(demo.output).toContain("every partition has all its replicas"), { timeout: 60_000 });
  expect(demo.children).toHaveLength(10);
  demo.process.kill(signal);
  await demo.ended;
  await vi.waitFor(() => expect(demo.children).toEqual([]), { timeout: 10_000 });
  rmSync(demo.folder, { recursive: true, force: true });
});

test("chaos of a minute: nothing lost, nothing twice, no step of a consumer against the rules", async () => {
  const demo = new Demo("--chaos", "60", "--seed", "11");
  expect(await demo.ended, demo.output).toBe(0);
  expect(demo.output).toMatch(/ lost +0\n +duplicated +0\n/);
  expect(demo.output).toContain("0 violations");
});
