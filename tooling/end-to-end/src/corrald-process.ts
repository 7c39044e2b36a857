/**
 * corrald as a process of its own. Owns its start (resolved once it serves) and its end, and never leaves one behind: what
 * a test does not end, `endAll` does.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const manifestPath = createRequire(import.meta.url).resolve("@corral/daemon/package.json");
const manifest = JSON.parse(readFileSync(manifestPath, "utf8")) as { readonly bin: { readonly corrald: string } };
/** The program. */
export const CORRALD: string = path.join(path.dirname(manifestPath), manifest.bin.corrald);

export interface Ended {
  /** The exit code, or the name of the signal. */
  readonly code: number | string;
  readonly stdout: string;
  /** Its log, JSON lines. */
  readonly stderr: string;
}

export interface CorraldProcess {
  readonly url: string;
  /** From the start of the process until it served, milliseconds. */
  readonly startMs: number;
  readonly ended: Promise<Ended>;
  /** Its log so far, JSON lines. */
  readonly log: () => string;
  /** SIGKILL. Resolves when the process is gone. */
  kill(): Promise<Ended>;
  /** SIGTERM. */
  stop(): Promise<Ended>;
}

export interface CorraldOptions {
  readonly data: string;
  readonly limits?: Readonly<Record<string, number>>;
  /** Default: a free one. */
  readonly port?: number;
  /** A command that runs it, such as strace with its arguments. */
  readonly wrapper?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Where it listens. Default: on loopback alone. */
  readonly host?: string;
}

/** With what each has logged so far. */
const running = new Map<ChildProcess, () => string>();

/** Small enough that a short load rotates segments and takes snapshots all the time. */
export const SMALL_LIMITS: Readonly<Record<string, number>> = {
  frameBytes: 256 << 10,
  requestBytes: 64 << 10,
  valueBytes: 32 << 10,
  batchBytes: 16 << 10,
  maxRecordBytes: 128 << 10,
  segmentBytes: 256 << 10,
  reserveBytes: 0,
  snapshotEntries: 300,
};

/** Resolves when it serves; rejects with what it said when it ends before that. */
export function startCorrald({
  data,
  limits = {},
  port = 0,
  wrapper = [],
  env = {},
  host = "127.0.0.1",
}: CorraldOptions): Promise<CorraldProcess> {
  const flags = Object.entries(limits).flatMap(([name, value]) => ["--limit", `${name}=${value}`]);
  const [command, ...args] = [
    ...wrapper,
    process.execPath,
    CORRALD,
    "--listen",
    `${host}:${port}`,
    "--data",
    data,
    ...flags,
  ];
  const startedAt = performance.now();
  const child = spawn(command!, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], ...env },
  });
  let stdout = "";
  let stderr = "";
  running.set(child, () => stderr);
  let look = (): void => {};
  child.stderr.on("data", (bytes: Buffer) => {
    stderr += bytes.toString();
    look();
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code, signal) => {
      running.delete(child);
      resolve({ code: code ?? signal ?? "", stdout, stderr });
    });
  });
  const end = (signal: NodeJS.Signals): Promise<Ended> => {
    child.kill(signal);
    return ended;
  };
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    look = () => {
      const url = /ws:\/\/\S+/.exec(stdout)?.[0];
      // Both have been said: what it prints, and its log, by which its process is known.
      if (url === undefined || !stdout.includes("try:") || servingPid(stderr) === undefined) return;
      resolve({
        url,
        startMs: performance.now() - startedAt,
        ended,
        log: () => stderr,
        kill: () => end("SIGKILL"),
        stop: () => end("SIGTERM"),
      });
    };
    child.stdout.on("data", (bytes: Buffer) => {
      stdout += bytes.toString();
      look();
    });
    ended.then(
      (how) => reject(new Error(`corrald ended with ${how.code} before it served:\n${how.stdout}${how.stderr}`)),
      reject,
    );
  });
}

/** The process that serves, by its log: with a wrapper not the one that was started. */
export function servingPid(log: string): number | undefined {
  const pid = /"event":"serving",.*?"pid":(\d+)/.exec(log)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** For afterEach: whatever a failed test left. */
export async function endAll(): Promise<void> {
  const ends = [...running].map(([child, log]) => {
    const pid = servingPid(log());
    // First what a wrapper runs: it would outlive the wrapper.
    if (pid !== undefined && pid !== child.pid) process.kill(pid, "SIGKILL");
    child.kill("SIGKILL");
    return new Promise((resolve) => child.once("close", resolve));
  });
  await Promise.all(ends);
}
