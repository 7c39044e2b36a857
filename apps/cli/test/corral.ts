/** Runs the built corral as users do, against a server in this process. */
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { MemoryLog } from "@corral/log";
import { type Server, startServer } from "@corral/server";
import { afterAll, afterEach, beforeAll } from "vitest";

const MAIN = path.join(import.meta.dirname, "..", "dist", "main.js");

export interface Ended {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves with all of stdout so far when it has this text. */
  readonly says: (text: string) => Promise<string>;
}

let server: Server;
const running = new Set<ChildProcess>();

/** One server for the tests of a file. */
export function withServer(): { readonly url: string; readonly server: Server } {
  beforeAll(async () => {
    server = await startServer({ log: new MemoryLog(), port: 0, limits: { containerGraceMs: 0 } });
  });
  afterEach(() => {
    for (const child of running) child.kill("SIGKILL");
    running.clear();
  });
  afterAll(() => server.close());
  return {
    get url() {
      return server.urls[0]!;
    },
    get server() {
      return server;
    },
  };
}

export function start(args: readonly string[], env: Readonly<Record<string, string>> = {}, input = ""): Running {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { CORRAL_SERVER: server?.urls[0] ?? "", ...env },
  });
  running.add(child);
  // A process that ends without reading leaves the pipe broken.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  let stdout = "";
  let stderr = "";
  const waiters = new Set<() => void>();
  child.stderr.on("data", (bytes: Buffer) => (stderr += bytes.toString()));
  child.stdout.on("data", (bytes: Buffer) => {
    stdout += bytes.toString("latin1");
    for (const waiter of waiters) waiter();
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once("close", (code, signal) => {
      running.delete(child);
      resolve({ code: code ?? signal ?? "", stdout: Buffer.from(stdout, "latin1").toString(), stderr });
      for (const waiter of waiters) waiter();
    });
  });
  const says = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const waiter = (): void => {
        if (stdout.includes(text)) resolve(stdout);
        else if (!running.has(child)) reject(new Error(`corral ended without '${text}': ${stdout}${stderr}`));
      };
      waiters.add(waiter);
      waiter();
    });
  return { child, ended, says };
}

export const corral = (...args: readonly string[]): Promise<Ended> => start(args).ended;

export const jsonLines = (text: string): Record<string, unknown>[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
