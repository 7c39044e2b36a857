// Whether node_modules is what the lockfile says, without asking pnpm, which takes the better part of a second.
// A stamp in node_modules holds a hash over all that an install depends on and over pnpm's own record of the last
// one, so that a hand-made `pnpm install` or a removed folder makes it void. Wrong only towards installing again.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const stamp = join(root, "node_modules", ".corral-installed");

/** The pinned package manager as npx wants it: `pnpm@1.2.3`, without the hash that only corepack reads. */
export function packageManager() {
  return JSON.parse(readFileSync(join(root, "package.json"), "utf8")).packageManager.split("+")[0];
}

export function isInstalled() {
  return existsSync(stamp) && readFileSync(stamp, "utf8") === state();
}

export function rememberInstalled() {
  writeFileSync(stamp, state());
}

function state() {
  const hash = createHash("sha256");
  const add = (...path) => {
    const file = join(root, ...path);
    hash.update(`${path.join("/")}\0`).update(existsSync(file) ? readFileSync(file) : "absent");
  };
  add("pnpm-lock.yaml");
  add("pnpm-workspace.yaml");
  add("package.json");
  add("node_modules", ".pnpm", "lock.yaml");
  for (const group of ["packages", "apps", "tooling"]) {
    for (const name of readdirSync(join(root, group)).sort()) {
      add(group, name, "package.json");
      hash.update(String(existsSync(join(root, group, name, "node_modules"))));
    }
  }
  return `${process.platform}-${process.arch} ${hash.digest("hex")}\n`;
}
