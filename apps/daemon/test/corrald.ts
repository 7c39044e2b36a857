/** Runs the built corrald as users do, and ends whatever a test leaves running. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach } from "vitest";

const MAIN = path.join(import.meta.dirname, "..", "dist", "main.js");

/** Small files: a data directory of the default limits takes a quarter of a gigabyte. */
const SMALL = ["maxRecordBytes=2MiB", "segmentBytes=4MiB", "reserveBytes=0"].flatMap((limit) => ["--limit", limit]);

interface Ended {
  /** The exit code, or the signal that ended it. */
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Corrald {
  readonly child: ChildProcess;
  readonly url: string;
  /** Resolves when the process has ended. */
  readonly ended: Promise<Ended>;
  /** Resolves when stdout or stderr has this text. */
  readonly says: (text: string) => Promise<void>;
}

const running = new Set<ChildProcess>();
const folders: string[] = [];

afterEach(async () => {
  for (const child of running) child.kill("SIGKILL");
  running.clear();
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

/** A folder that goes with its test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "corral-daemon-"));
  folders.push(folder);
  return folder;
}

interface Options {
  readonly env?: Readonly<Record<string, string>>;
  readonly user?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
}

/** Runs it to its end. */
export function corrald(args: readonly string[], options?: Options): Promise<Ended> {
  return launch(args, options).ended;
}

/** Runs it until it serves, on a free port unless told otherwise. */
export async function serving(data: string, args: readonly string[] = [], options?: Options): Promise<Corrald> {
  const launched = launch(
    ["--listen", `${options?.host ?? "127.0.0.1"}:0`, "--data", data, ...SMALL, ...args],
    options,
  );
  await launched.says("try:");
  const url = /ws:\/\/\S+/.exec(launched.output())?.[0] ?? "";
  return { ...launched, url };
}

function launch(args: readonly string[], { env = {}, user }: Options = {}) {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], ...env },
    ...(user === undefined ? {} : { uid: user, gid: user }),
  });
  running.add(child);
  let stdout = "";
  let stderr = "";
  const waiters = new Set<() => void>();
  const look = (): void => {
    for (const waiter of waiters) waiter();
  };
  child.stdout.on("data", (bytes: Buffer) => {
    stdout += bytes.toString();
    look();
  });
  child.stderr.on("data", (bytes: Buffer) => {
    stderr += bytes.toString();
    look();
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code, signal) => {
      running.delete(child);
      resolve({ code: code ?? signal ?? "", stdout, stderr });
      look();
    });
  });
  const says = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const waiter = (): void => {
        const isThere = stdout.includes(text) || stderr.includes(text);
        if (!isThere && running.has(child)) return;
        waiters.delete(waiter);
        if (isThere) resolve();
        else reject(new Error(`corrald ended without '${text}':\n${stdout}${stderr}`));
      };
      waiters.add(waiter);
      waiter();
    });
  return { child, ended, says, output: () => stdout };
}

/** The lines of stderr, each a JSON object. */
export const events = (stderr: string): Record<string, unknown>[] =>
  stderr
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
