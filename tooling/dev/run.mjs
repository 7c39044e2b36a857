#!/usr/bin/env node
// The commands of the root package.json: brings the workspace to the state the command needs (installed, built),
// then runs it and stays between npm and it until it has ended. Plain JavaScript without dependencies, because it
// runs on whatever Node started npm (18 or newer), before anything is installed.
//
// It owns the pin of pnpm, the choice of Node and the way of signals. It never decides what a task does.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { isInstalled, manifests, packageManager, rememberInstalled, root } from "./installed.mjs";

const windows = process.platform === "win32";
const bin = join(root, "node_modules", ".bin");
/** Windows starts tools by their .cmd files, and those only through a shell. */
const tool = (name) => (windows ? `${name}.cmd` : name);
const environment = cleanEnvironment();

/** What keeps a task from being started when a signal came between two steps. */
let stopping;

const [task, ...flags] = process.argv.slice(2);
switch (task) {
  case "install":
    await install();
    break;
  case "start":
    await install();
    await build("--filter=@corral/daemon...", "--filter=@corral/cli...");
    await daemon(flags);
    break;
  case "corral":
    await install();
    await build("--filter=@corral/cli...");
    await node("apps/cli/dist/main.js", ...flags);
    break;
  case "build":
    await install();
    await run(join(bin, tool("turbo")), ["run", "build", ...flags]);
    break;
  case "test":
  case "test:slow":
    await install();
    if (!scriptExists(task)) fail("no package has a script of this name", 2);
    // One package's failure does not hide another's.
    // Slow suites one by one: each wants the whole machine.
    await run(join(bin, tool("turbo")), [
      "run",
      task,
      "--continue=dependencies-successful",
      ...(task === "test:slow" ? ["--concurrency=1"] : []),
      ...flags,
    ]);
    break;
  case "check":
  case "features":
    await install();
    if (task === "check") await build();
    await node(`tooling/dev/src/${task}.ts`, ...flags);
    break;
  case "format":
    await install();
    await run(join(bin, tool("oxfmt")), flags.length > 0 ? flags : ["."]);
    break;
  case "test:compat":
    await install();
    await build("--filter=./packages/*", "--filter=./apps/*");
    await node("tooling/dev/compat/run.mjs", ...flags);
    break;
  case "demo":
    await install();
    await build("--filter=@corral/example-broker...", "--filter=@corral/daemon...");
    await node("apps/example-broker/dist/demo/main.js", ...flags);
    break;
  case "recipes:faults":
    await install();
    // The recipes themselves run from their sources.
    await build("--filter=@corral/testing...");
    await node("packages/recipes/test/faults/main.ts", ...flags);
    break;
  case "conformance":
  case "simulate":
  case "crash-matrix":
  case "chaos":
  case "bench":
  case "scale":
    await install();
    await runPackage({ simulate: "simulation", scale: "bench" }[task] ?? task);
    break;
  default:
    fail(`unknown command '${task ?? ""}'; \`npm run\` lists those that exist`, 2);
}

/** Installs from the lockfile unless what stands in node_modules is already what the lockfile says. */
async function install() {
  if (isInstalled()) return;
  const args = ["install", "--frozen-lockfile", "--prefer-offline"];
  const local = join(bin, tool("pnpm"));
  if (existsSync(local)) await run(local, args);
  else await run(tool("npx"), ["--yes", "--prefer-offline", packageManager(), ...args]);
  rememberInstalled();
}

/** Builds what the filters name, or everything; prints only what went wrong. */
async function build(...filters) {
  const quiet = ["--output-logs=errors-only", "--log-prefix=none"];
  await run(join(bin, tool("turbo")), ["run", "build", ...filters, ...quiet], { quiet: true });
}

/** Runs the script of the task's own name in its package under tooling/. */
async function runPackage(folder) {
  if (!existsSync(join(root, "tooling", folder, "package.json"))) fail(`tooling/${folder} does not exist yet`, 2);
  await build(`--filter=@corral/${folder}...`);
  await run(join(bin, tool("pnpm")), ["--silent", "--dir", join("tooling", folder), "run", task, ...flags]);
}

/** Whether any package has a script of that name: turbo takes it for success when none has. */
function scriptExists(name) {
  return manifests().some((file) => JSON.parse(readFileSync(join(root, file), "utf8")).scripts?.[name] !== undefined);
}

/** Runs a script on the workspace's own Node 24, or, on systems it does not come for, on the one that runs this. */
async function node(script, ...args) {
  await run(nodePath(), [script, ...args]);
}

/**
 * Runs corrald. In a process group of its own, so that one Ctrl-C at the terminal, which the terminal, npm and this
 * process each see, reaches it exactly once: the second signal would mean "at once" and cut the drain short.
 */
async function daemon(args) {
  const data = args.some((arg) => arg === "--data" || arg.startsWith("--data=")) ? [] : ["--data", "./data"];
  const main = join("apps", "daemon", "dist", "main.js");
  const preload = ["--import", "./tooling/dev/end-with-parent.mjs"];
  await run(nodePath(), [...preload, main, ...data, ...args], { ownGroup: !windows });
}

function nodePath() {
  const own = join(bin, windows ? "node.exe" : "node");
  return existsSync(own) ? own : process.execPath;
}

/** Runs one step to its end. A step that fails ends this process with the step's exit code. */
async function run(command, args, { quiet = false, ownGroup = false } = {}) {
  if (stopping) exitBySignal(stopping);
  const child = spawn(command, args, {
    cwd: root,
    env: environment,
    stdio: [ownGroup ? "ignore" : "inherit", quiet ? "pipe" : "inherit", quiet ? "pipe" : "inherit"],
    detached: ownGroup,
    shell: windows,
  });
  const output = quiet ? gather(child) : [];
  const forget = forwardSignals(child);
  const { code, signal } = await new Promise((resolve) => {
    child.on("error", (error) => fail(`cannot run ${command}: ${error.message}`, 127));
    child.on("close", (code, signal) => resolve({ code, signal }));
  });
  forget();
  if (code !== 0) for (const chunk of output) process.stderr.write(chunk);
  if (signal) exitBySignal(signal);
  if (code !== 0) process.exit(code);
}

/** Keeps what a quiet step prints; it is shown only when the step fails. */
function gather(child) {
  const chunks = [];
  child.stdout.on("data", (chunk) => chunks.push(chunk));
  child.stderr.on("data", (chunk) => chunks.push(chunk));
  return chunks;
}

/** Hands signals on to the child, each once, and tells it to end when npm is gone. Returns the way to stop that. */
function forwardSignals(child) {
  /** One Ctrl-C arrives here from the terminal and again from npm; within this time, in ms, they are one. */
  const sameWithin = 500;
  let lastAt = -Infinity;
  const hand = (signal) => {
    const now = performance.now();
    if (now - lastAt < sameWithin) return;
    lastAt = now;
    stopping = signal;
    child.kill(signal);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, hand);
  // npm may put a shell between itself and this process, and SIGTERM to npm ends that shell only:
  // what is left to see is that the parent has changed.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    hand("SIGTERM");
  }, 200);
  return () => {
    clearInterval(watch);
    for (const signal of signals) process.off(signal, hand);
  };
}

/**
 * The caller's environment with our tools first on PATH. What npm sets for its scripts must not steer pnpm, save
 * where the registry is and how to reach it.
 */
function cleanEnvironment() {
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ""}` };
  env.TURBO_TELEMETRY_DISABLED ??= "1";
  const kept = /^npm_config_(registry|ca|cafile|strict_ssl|proxy|http_proxy|https_proxy|noproxy)$/i;
  for (const name of Object.keys(env)) if (/^npm_/i.test(name) && !kept.test(name)) delete env[name];
  return env;
}

/** Ends as a process does that the signal has ended, so that shells and supervisors see the cause. */
function exitBySignal(signal) {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

function fail(message, code) {
  console.error(`npm run ${task ?? ""}: ${message}`);
  process.exit(code);
}
