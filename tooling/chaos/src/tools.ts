/** Programs and rights that rows need beside Node: whether they are there, and how to get them. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

interface Tool {
  readonly isThere: () => boolean;
  /** For Debian. */
  readonly install: string;
}

const runs = (command: string, ...args: readonly string[]): boolean => {
  try {
    execFileSync(command, args, { stdio: "ignore", timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
};

/** libfaketime for programs with threads. */
export const FAKETIME: string | undefined = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
  .map((machine) => `/usr/lib/${machine}/faketime/libfaketimeMT.so.1`)
  .find((file) => existsSync(file));

export type ToolName = "strace" | "openssl" | "libfaketime" | "mount, as root";

const TOOLS: Readonly<Record<ToolName, Tool>> = {
  strace: { isThere: () => runs("strace", "-f", "-e", "trace=none", "true"), install: "apt-get install strace" },
  openssl: { isThere: () => runs("openssl", "version"), install: "apt-get install openssl" },
  libfaketime: { isThere: () => FAKETIME !== undefined, install: "apt-get install libfaketime" },
  "mount, as root": {
    isThere: () => process.getuid?.() === 0 && mayMount(),
    install: "run as root, where mounts are allowed",
  },
};

function mayMount(): boolean {
  const at = mkdtempSync(path.join(tmpdir(), "corral-mount-"));
  const isMounted = runs("mount", "-t", "tmpfs", "-o", "size=1m", "corral", at);
  if (isMounted) runs("umount", at);
  rmdirSync(at);
  return isMounted;
}

/** What a row cannot do without and does not find, each with how to get it. */
export const missing = (needs: readonly ToolName[]): string[] =>
  needs.filter((name) => !TOOLS[name].isThere()).map((name) => `${name} (${TOOLS[name].install})`);
