// Starts and ends the installed corrald for suite.test.mjs, on the Node that runs the suite.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** How long, in ms, a daemon may take to say where it listens. */
const START_MAX = 20_000;

/** The file behind a bin of an installed package. */
export function bin(packageName, name) {
  const manifest = createRequire(import.meta.url).resolve(`${packageName}/package.json`);
  return join(dirname(manifest), createRequire(import.meta.url)(manifest).bin[name]);
}

/** A running daemon: its address, and the two ways to end it. `port` 0 takes a free one. */
export async function startDaemon(data, port = 0) {
  const args = [bin("@corral/daemon", "corrald"), "--listen", `127.0.0.1:${port}`, "--data", data];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const exit = once(child, "exit");
  let output = "";
  const url = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no address after ${START_MAX} ms:\n${output}`)), START_MAX);
    const read = (chunk) => {
      output += chunk;
      const found = /ws:\/\/127\.0\.0\.1:\d+/.exec(output);
      if (found === null) return;
      clearTimeout(late);
      resolve(found[0]);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("exit", (code) => reject(new Error(`corrald ended with ${code}:\n${output}`)));
  });
  const end = async (signal) => {
    child.kill(signal);
    const [code] = await exit;
    return code;
  };
  return { url, port: Number(new URL(url).port), kill: () => end("SIGKILL"), stop: () => end("SIGTERM") };
}
