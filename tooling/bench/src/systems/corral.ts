/**
 * corrald as a system of the bench: a process as its users start it, `node …/daemon/dist/main.js`, every default left alone but
 * for the limits that a job names. Owns the child process; never speaks to it.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { GeneratorCommand, RunningServer, StartOptions, System } from "./system.ts";

const VARIANTS = ["sdk", "wire", "wire-single"];

const packageFile = createRequire(import.meta.url).resolve("@corral/daemon/package.json");
/** The program of corrald. */
const CORRALD: string = join(dirname(packageFile), "dist", "main.js");
const GENERATOR = join(import.meta.dirname, "..", "generator", "corral", "main.js");

export const corral: System = {
  name: "corral",

  missing: () => (existsSync(CORRALD) ? undefined : "corrald is not built: npm run build"),

  // Its generator is built along with the bench.
  prepare: () => Promise.resolve(),

  async version() {
    const { stdout } = await promisify(execFile)(process.execPath, [CORRALD, "--version"]);
    return `${stdout.trim()}, Node ${process.version}`;
  },

  generators: (address) =>
    VARIANTS.map((name): GeneratorCommand => ({
      name,
      command: [process.execPath, GENERATOR, name, address],
      processorsMax: 1,
    })),

  start: ({ directory, port, snapshotEntries }: StartOptions) => {
    const listen = `127.0.0.1:${port}`;
    const args = [CORRALD, "--listen", listen, "--data", directory, "--log-level", "warn"];
    if (snapshotEntries !== undefined) args.push("--limit", `snapshotEntries=${snapshotEntries}`);
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
      const gone = new Promise<void>((done) => {
        child.once("exit", () => done());
      });
      child.once("error", reject);
      child.once("spawn", () => {
        resolve(running(child, gone, `ws://${listen}`));
      });
    });
  },
};

function running(child: ChildProcess, gone: Promise<void>, address: string): RunningServer {
  return {
    pid: child.pid!,
    address,
    commandLine: ["node", ...child.spawnargs.slice(1)].join(" "),
    async kill() {
      child.kill("SIGKILL");
      await gone;
    },
  };
}
