/**
 * The workspace as the checks see it: its packages and its text files, read once.
 *
 * Owns which folders are looked at. Never judges what it finds there.
 */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT: string = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");

/** A text file of the repository. */
export interface TextFile {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** A package of the workspace. */
export interface Package {
  /** From the root: `packages/log`, `apps/cli`, `tooling/dev`. */
  readonly folder: string;
  readonly manifest: Manifest;
}

/** What the checks read of a package.json. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** Folders that hold packages, in pnpm-workspace.yaml's order. */
const GROUPS = ["packages", "apps", "tooling"] as const;
/** Made by tools, or not text. */
const SKIPPED = new Set(["node_modules", "dist", ".git", ".turbo", "coverage", "data"]);
const TEXT = /\.(ts|mts|tsx|js|mjs|cjs|json|jsonc|md|yaml|yml|sh|css|html|txt)$|^\.ci\/|^\.(gitignore|npmrc)$/;
/** Written by pnpm. */
const LOCKFILE = "pnpm-lock.yaml";

export function packages(): Package[] {
  const found: Package[] = [];
  for (const group of GROUPS) {
    for (const name of readdirSync(join(ROOT, group)).toSorted()) {
      const manifest = join(ROOT, group, name, "package.json");
      if (existsSync(manifest)) {
        found.push({ folder: `${group}/${name}`, manifest: JSON.parse(readFileSync(manifest, "utf8")) as Manifest });
      }
    }
  }
  return found;
}

/** Everything that goes to npm. */
export function published(): Package[] {
  return packages().filter(({ manifest }) => manifest.private !== true);
}

export function textFiles(): TextFile[] {
  const files: TextFile[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
      if (SKIPPED.has(entry.name)) continue;
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile() && TEXT.test(path) && path !== LOCKFILE) {
        files.push({ path, text: readFileSync(join(ROOT, path), "utf8") });
      }
    }
  };
  walk("");
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
