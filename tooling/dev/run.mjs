#!/usr/bin/env node
// Behind `npm start`, `npm test`, `npm run build` and `npm run setup`: installs the workspace with the pinned
// pnpm where that is still to do, then runs the task. Plain JavaScript without dependencies, for Node 18 and newer.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const windows = process.platform === "win32";
const bin = join(root, "node_modules", ".bin");
const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
env.TURBO_TELEMETRY_DISABLED ??= "1";
// Settings npm hands to its scripts must not steer pnpm (except where the registry is and whom to trust).
for (const name of Object.keys(env)) {
  if (/^npm_/i.test(name) && !/^npm_config_(registry|cafile|https?_proxy|noproxy)$/i.test(name)) delete env[name];
}

function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env, stdio: "inherit", shell: windows });
    const stop = (signal) => child.kill(signal);
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
    for (const signal of signals) process.on(signal, stop);
    // npm puts a shell between itself and this process; a signal to npm ends that shell only.
    const parent = process.ppid;
    const watch = setInterval(() => process.ppid !== parent && stop("SIGTERM"), 250);
    child.on("error", (error) => { console.error(error.message); process.exit(127); });
    child.on("exit", (code, signal) => {
      clearInterval(watch);
      for (const name of signals) process.off(name, stop);
      if (signal) process.kill(process.pid, signal);
      else if (code !== 0) process.exit(code);
      else resolve();
    });
  });
}
function pnpm(...args) {
  const local = join(bin, windows ? "pnpm.cmd" : "pnpm");
  if (existsSync(local)) return run(local, args);
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return run(windows ? "npx.cmd" : "npx", ["--yes", packageManager.split("+")[0], ...args]);
}

const [task, ...rest] = process.argv.slice(2);
await pnpm("install", "--frozen-lockfile", "--prefer-offline");
if (task === "start") {
  await pnpm("exec", "turbo", "run", "build", "--filter=@corral/daemon...", "--output-logs=errors-only");
  const node = join(bin, windows ? "node.exe" : "node");
  await run(existsSync(node) ? node : process.execPath, ["apps/daemon/main.mjs", ...rest]);
} else if (task !== "install") {
  await pnpm("exec", "turbo", "run", task, ...rest);
}
