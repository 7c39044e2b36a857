// `npm start` as somebody meets it: a fresh clone of HEAD, an empty HOME. It must answer, drain on SIGTERM to npm,
// leave no process behind, and do the same a second time with no registry to ask.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "corral-fresh-"));
const clone = join(folder, "clone");
const home = join(folder, "home");
/** Nobody listens there: whoever asks a registry fails. */
const NO_REGISTRY = "http://127.0.0.1:9/";
/** How long, in ms, the first start may take, with all that it downloads, and how long a drain. */
const START_MAX = 150_000;
const DRAIN_MAX = 15_000;

let passed = 0;
let failed = 0;
try {
  mkdirSync(home);
  execFileSync("git", ["clone", "--quiet", root, clone]);
  await attempt("a fresh clone starts, answers and drains", {});
  await attempt("it does so again without a registry", { npm_config_registry: NO_REGISTRY });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`fresh-clone: ${passed} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;

async function attempt(name, extra) {
  const from = performance.now();
  const seconds = () => `${((performance.now() - from) / 1000).toFixed(1)} s`;
  const env = { PATH: process.env.PATH, HOME: home, ...registry(), ...extra };
  const npm = spawn("npm", ["start", "--", "--listen", "127.0.0.1:0"], { cwd: clone, env, detached: true });
  const exit = once(npm, "exit");
  let output = "";
  try {
    const url = await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no address after ${START_MAX} ms`)), START_MAX);
      const read = (chunk) => {
        output += chunk;
        const found = /ws:(\/\/127\.0\.0\.1:\d+)/.exec(output);
        if (found !== null) {
          clearTimeout(late);
          resolve(`http:${found[1]}`);
        }
      };
      npm.stdout.on("data", read);
      npm.stderr.on("data", read);
      npm.on("exit", (code) => reject(new Error(`npm start ended with ${code}`)));
    });
    const started = seconds();
    await upgraded(url);
    npm.kill("SIGTERM");
    await Promise.race([exit, timeLimit(DRAIN_MAX, "npm did not end after SIGTERM")]);
    await gone(url);
    passed += 1;
    console.log(`ok: ${name} (up after ${started}, over after ${seconds()})`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED: ${name}: ${error.message}\n${output}`);
  } finally {
    killGroup(npm);
  }
}

/** Ends whatever the attempt left in its process group; by then it should be nothing. */
function killGroup({ pid }) {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if (error.code !== "ESRCH") console.log(`cannot end process group ${pid}: ${error.message}`);
  }
}

/** Which registry this machine installs from, when that is set in a HOME that the clone does not see. */
function registry() {
  const url = execFileSync("npm", ["config", "get", "registry"], { cwd: root, encoding: "utf8" }).trim();
  return { npm_config_registry: url };
}

/** Resolves when a WebSocket can be opened there. */
function upgraded(url) {
  return new Promise((resolve, reject) => {
    const headers = {
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": Buffer.alloc(16, 7).toString("base64"),
      "Sec-WebSocket-Protocol": "corral.v1",
    };
    const asking = request(url, { headers });
    asking.on("upgrade", (_response, socket) => {
      socket.destroy();
      resolve();
    });
    asking.on("response", ({ statusCode }) => reject(new Error(`a WebSocket was answered with ${statusCode}`)));
    asking.on("error", reject);
    asking.end();
  });
}

/** Resolves when nobody listens there any more. */
async function gone(url) {
  const until = performance.now() + DRAIN_MAX;
  while (performance.now() < until) {
    try {
      await upgraded(url);
    } catch (error) {
      if (error.code === "ECONNREFUSED") return;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("the daemon outlived npm");
}

async function timeLimit(ms, message) {
  await new Promise((resolve) => setTimeout(resolve, ms).unref());
  throw new Error(message);
}
