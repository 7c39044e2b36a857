/** A corrald as a process of its own. Owns its start, resolved once it serves, and its end. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

const manifestPath = createRequire(import.meta.url).resolve("@corral/daemon/package.json");
const manifest = JSON.parse(readFileSync(manifestPath, "utf8")) as { readonly bin: { readonly corrald: string } };
const MAIN = path.join(path.dirname(manifestPath), manifest.bin.corrald);

/** How long a start or an end may take, milliseconds. */
const PATIENCE_MS = 60_000;

export interface Corrald {
  readonly url: string;
  end(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
}

export async function startCorrald(data: string, limits: Readonly<Record<string, number>>): Promise<Corrald> {
  const flags = Object.entries(limits).flatMap(([name, value]) => ["--limit", `${name}=${value}`]);
  const child = spawn(process.execPath, [MAIN, "--listen", "127.0.0.1:0", "--data", data, ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"] },
  });
  const end = async (signal: "SIGTERM" | "SIGKILL"): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    const late = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
    await gone;
    clearTimeout(late);
  };
  try {
    return { url: await urlOf(child), end };
  } catch (error) {
    await end("SIGKILL");
    throw error;
  }
}

function urlOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`corrald does not serve after ${PATIENCE_MS} ms`)), PATIENCE_MS);
    let output = "";
    const read = (bytes: Buffer): void => {
      output += bytes.toString();
      const url = /ws:\/\/\S+/.exec(output)?.[0];
      if (url === undefined || !output.includes("try:")) return;
      clearTimeout(late);
      resolve(url);
    };
    child.stdout!.on("data", read);
    child.stderr!.on("data", read);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`corrald ended with ${code} before it served:\n${output}`)));
  });
}
