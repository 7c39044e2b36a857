/** What a check is to `npm run check`: a name, and a way to run it. Also how a tool is run: output kept, not shown. */
import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { ROOT } from "../workspace.ts";

export interface Step {
  readonly name: string;
  readonly run: () => Promise<Outcome>;
}

export interface Outcome {
  readonly ok: boolean;
  /** Half a line on what was looked at. */
  readonly summary: string;
  /** Shown only when the step failed. */
  readonly output: string;
}

export interface Ran {
  readonly ok: boolean;
  readonly output: string;
}

const BIN = join(ROOT, "node_modules", ".bin");

/** Runs a tool of node_modules/.bin from the root, without colours, and keeps all that it prints. */
export function runTool(command: string, args: readonly string[], cwd: string = ROOT): Promise<Ran> {
  const env = { ...process.env, NO_COLOR: "1", PATH: `${BIN}${delimiter}${process.env["PATH"] ?? ""}` };
  delete (env as Record<string, unknown>)["FORCE_COLOR"];
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, shell: process.platform === "win32" });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("error", (error) => resolve({ ok: false, output: `cannot run ${command}: ${error.message}` }));
    child.on("close", (code) => resolve({ ok: code === 0, output }));
  });
}
