/** What the run stands on: processors, memory, kernel, disk, Node; and whether others are at work on it. Only reads. */
import { execFileSync } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { MachineFacts } from "../report/results.ts";
import { machineCpuSeconds } from "./processor-time.ts";

const BUSY_LOOK_MS = 1_000;
const IN_MEMORY: readonly string[] = ["tmpfs", "ramfs"];

export function machineFacts(directory: string): MachineFacts {
  const mount = mountOf(realpathSync(directory), readFileSync("/proc/mounts", "utf8"));
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memory: totalmem(),
    kernel: `Linux ${release()}`,
    disk: `${mount.type} on ${mount.device} (${mount.options})${diskModel(mount.device)}`,
    diskIsMemory: IN_MEMORY.includes(mount.type),
    node: `Node ${process.version}, V8 ${process.versions.v8}`,
    flags: [...process.execArgv, process.env["NODE_OPTIONS"] ?? ""].filter((flag) => flag !== "").join(" ") || "none",
  };
}

interface Mount {
  readonly device: string;
  readonly type: string;
  readonly options: string;
}

/** The last of the longest mount points that the directory is in. */
export function mountOf(directory: string, mounts: string): Mount {
  let found: Mount = { device: "unknown", type: "unknown", options: "" };
  let longest = 0;
  for (const line of mounts.split("\n")) {
    const [device, at, type, options] = line.split(" ");
    if (device === undefined || at === undefined || type === undefined || options === undefined) continue;
    const isIn = at === "/" || directory === at || directory.startsWith(`${at}/`);
    if (!isIn || at.length < longest) continue;
    longest = at.length;
    found = { device, type, options };
  }
  return found;
}

/** As the kernel has it; a virtual disk says little. */
function diskModel(device: string): string {
  const name = basename(device).replace(/p?\d+$/, "");
  const read = (file: string): string | undefined => {
    try {
      return readFileSync(`/sys/block/${name}/${file}`, "utf8").trim();
    } catch {
      return undefined;
    }
  };
  const model = read("device/model");
  const cache = read("queue/write_cache");
  return `${model === undefined ? "" : `, ${model}`}${cache === undefined ? "" : `, cache: ${cache}`}`;
}

/** Share of all cores that others use just now, 0 to 1. */
export async function busyShare(cores: number): Promise<number> {
  const before = machineCpuSeconds();
  const from = performance.now();
  await sleep(BUSY_LOOK_MS);
  return (machineCpuSeconds() - before) / (((performance.now() - from) / 1000) * cores);
}

export function commitOf(directory: string): string {
  const git = (...args: string[]): string =>
    execFileSync("git", ["-C", directory, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    const changed = git("status", "--porcelain", "--untracked-files=no") === "" ? "" : ", with changes";
    return git("rev-parse", "--short=12", "HEAD") + changed;
  } catch {
    return "unknown";
  }
}

/** The most files that a process may have open, sockets among them. */
export function openFilesMax(): number {
  const found = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
  return found === null || found[1] === "unlimited" ? Infinity : Number(found[1]);
}
