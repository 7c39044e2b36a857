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

/** The package.json of every package of the workspace, from the root. */
export function manifests() {
  return ["packages", "apps", "tooling"].flatMap((group) =>
    readdirSync(join(root, group))
      .sort()
      .map((name) => join(group, name, "package.json"))
      .filter((file) => existsSync(join(root, file))),
  );
}

function state() {
  const hash = createHash("sha256");
  const add = (file) => {
    hash.update(`${file}\0`).update(existsSync(join(root, file)) ? readFileSync(join(root, file)) : "absent");
  };
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", "package.json"]) add(file);
  add(join("node_modules", ".pnpm", "lock.yaml"));
  for (const file of manifests()) {
    add(file);
    hash.update(String(existsSync(join(root, dirname(file), "node_modules"))));
  }
  return `${process.platform}-${process.arch} ${hash.digest("hex")}\n`;
}
