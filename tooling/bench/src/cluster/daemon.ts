/** A corrald of its own, on a free port and a directory that goes with it. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const START_MS_MAX = 120_000;

export class Daemon {
  readonly directory: string;
  #child: ChildProcess | undefined;
  url = "";

  constructor(directory: string = mkdtempSync(join(tmpdir(), "corral-bench-"))) {
    this.directory = directory;
  }

  /** Milliseconds until it serves. */
  async start(): Promise<number> {
    const packageFile = createRequire(import.meta.url).resolve("@corral/daemon/package.json");
    const main = join(dirname(packageFile), "dist", "main.js");
    const started = performance.now();
    const child = spawn(process.execPath, [main, "--listen", "127.0.0.1:0", "--data", this.directory], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#child = child;
    this.url = await new Promise<string>((resolve, reject) => {
      let text = "";
      const timer = setTimeout(() => reject(new Error(`corrald said nothing of its address: ${text}`)), START_MS_MAX);
      child.stdout.on("data", (data: Buffer) => {
        text += String(data);
        const url = /ws:\/\/[^\s"]+/.exec(text)?.[0];
        if (url === undefined) return;
        clearTimeout(timer);
        resolve(url);
      });
      child.once("exit", (code) => reject(new Error(`corrald ended with ${code}: ${text}`)));
    });
    return performance.now() - started;
  }

  /** Resident memory, bytes. */
  get rss(): number {
    return this.#status("VmRSS") * 1024;
  }

  #status(name: string): number {
    const line = new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync(`/proc/${this.#child!.pid}/status`, "utf8"));
    return Number(line![1]);
  }

  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null) return;
    await new Promise((resolve) => {
      child.once("exit", resolve);
      child.kill(signal);
    });
  }

  forget(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
