// `npm run test:compat`: what we publish, installed from tarballs as a user installs it, on every Node we promise.
// The oldest supported release, and the present one of each later line. The Node binaries come from the registry.
//
// `npm run test:compat -- 22` runs on the versions that begin so. Owns the list of versions; the tests are
// suite.test.mjs, which is copied into a project of its own so that it sees nothing of this workspace.
import { spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const VERSIONS = ["20.19.0", "22.23.3", "24.21.0"];
const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..", "..");

const wanted = VERSIONS.filter((version) => process.argv.slice(2).every((prefix) => version.startsWith(prefix)));
const project = mkdtempSync(join(tmpdir(), "corral-compat-"));
let passed = 0;
let failed = 0;
try {
  const names = await installTarballs();
  for (const version of wanted) {
    const node = await nodeOf(version);
    const { code, output } = await run(node, ["--test", "--test-reporter=tap", "suite.test.mjs"], {
      COMPAT_PACKAGES: names.join(" "),
    });
    const count = (word) => Number(new RegExp(`^# ${word} (\\d+)$`, "m").exec(output)?.[1] ?? 0);
    const bad = count("fail") + count("cancelled") + count("skipped") + count("todo");
    passed += count("pass");
    failed += bad + (code !== 0 && bad === 0 ? 1 : 0);
    console.log(`Node ${version}: ${count("pass")} passed, ${bad} failed`);
    if (code !== 0 || bad > 0) console.log(output);
  }
} finally {
  rmSync(project, { recursive: true, force: true });
}
console.log(`test:compat: ${passed} passed, ${failed} failed`);
if (failed > 0 || passed === 0) process.exitCode = 1;

/** Packs every published package, installs the tarballs and nothing of this workspace. Returns the packages' names. */
async function installTarballs() {
  const tarballs = join(project, "tarballs");
  mkdirSync(tarballs);
  const names = [];
  const dependencies = {};
  for (const group of ["packages", "apps"]) {
    for (const folder of readdirSync(join(root, group))) {
      const {
        name,
        version,
        private: hidden,
      } = JSON.parse(readFileSync(join(root, group, folder, "package.json"), "utf8"));
      if (hidden) continue;
      await must("pnpm", ["pack", "--pack-destination", tarballs], join(root, group, folder));
      names.push(name);
      dependencies[name] = `file:tarballs/${name.replace("@", "").replace("/", "-")}-${version}.tgz`;
    }
  }
  // Overrides: what the packages ask of each other is these tarballs too, not a release of the same number.
  const overrides = Object.fromEntries(names.map((name) => [name, `$${name}`]));
  const manifest = { name: "compat", private: true, type: "module", dependencies, overrides };
  writeFileSync(join(project, "package.json"), JSON.stringify(manifest, null, 2));
  for (const file of ["suite.test.mjs", "sdk.mjs", "corrald.mjs"]) copyFileSync(join(here, file), join(project, file));
  await must("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", "--omit=optional"], project);
  return names;
}

/** The path of that Node's binary: on Linux from the registry, elsewhere only the one that runs this. */
async function nodeOf(version) {
  if (process.platform !== "linux") {
    console.log(`Node ${version} can be fetched on Linux only: running on ${process.version}`);
    return process.execPath;
  }
  const name = `node-linux-${process.arch}@${version}`;
  const print = "console.log(process.version + ' ' + process.execPath)";
  const { output } = await must("npx", ["--yes", `--package=${name}`, "--", "node", "-e", print], project);
  const [found, path] = output.trim().split("\n").at(-1).split(" ");
  if (found !== `v${version}`) throw new Error(`${name} brought ${found}`);
  return path;
}

async function must(command, args, cwd) {
  const result = await run(command, args, {}, cwd);
  if (result.code !== 0) throw new Error(`${command} ${args[0]} in ${basename(cwd)} failed\n${result.output}`);
  return result;
}

function run(command, args, extra = {}, cwd = project) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...extra } });
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
}
