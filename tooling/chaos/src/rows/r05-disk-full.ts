/** R5: the disk fills up, of memory and of a loop device, and has room again: nothing is lost, nobody's session ends, no restart. */
import { execFileSync } from "node:child_process";
import { closeSync, openSync, statfsSync, unlinkSync, writeSync } from "node:fs";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type Client, CorralError } from "@corral/client";
import type { Violation } from "@corral/simulation";
import { Holder } from "../holder.ts";
import type { Figures, Outcome, Row, RowStage } from "../row.ts";
import { Siege } from "../siege.ts";

type Kind = "tmpfs" | "ext4";
const DISK_BYTES = 40 << 20;
const SESSION_MS = 1_500;
/** Full for that long, past every session's timeout. */
const FULL_MS = 3 * SESSION_MS;
/** The daemon notices within this, on a busy machine. */
const NOTICES_MS = 10_000;
const PROBE_MS = 1_000;
/** Nothing is deleted, since no snapshot is taken; and the soft mark is met before the disk's end. */
const LIMITS = {
  snapshotEntries: 1_000_000_000,
  reserveBytes: 512 << 10,
  softMarkBytes: 3 << 20,
  softMarkFraction: 0.5,
  spacePollMs: 200,
};
/** What is left, each time, for corrald to find: room below the soft mark, and none at all. */
const LEFT_BYTES: readonly number[] = [2 << 20, 0];
const BLOCK = Buffer.alloc(64 << 10, 1);

export const diskFull: Row = {
  name: "R5",
  title: "the disk is full, and then it is not",
  boundMs: 200_000,
  needs: ["mount, as root"],
  async run(stage) {
    const figures: Figures = {};
    const violations: Violation[] = [];
    for (const kind of stage.isQuick ? (["tmpfs"] as const) : (["tmpfs", "ext4"] as const)) {
      const outcome = await fillAndFree(kind, stage);
      if (outcome === undefined) {
        stage.say(
          "!! NO LOOP DEVICES HERE: a disk with ext4 is not tried (a privileged container or a plain host has them)",
        );
        figures["ext4"] = "no loop devices";
        continue;
      }
      for (const [name, value] of Object.entries(outcome.figures)) figures[`${kind} ${name}`] = value;
      violations.push(...outcome.violations);
    }
    return { figures, violations };
  },
};

async function fillAndFree(kind: Kind, stage: RowStage): Promise<Outcome | undefined> {
  const disk = await mounted(kind, stage);
  if (disk === undefined) return undefined;
  const siege = await Siege.lay(stage, {
    clients: 3,
    limits: LIMITS,
    data: path.join(disk, "data"),
    load: { sessionTimeoutMs: SESSION_MS, callTimeoutMs: 3_000 },
  });
  const holder = await Holder.open({ servers: async () => [siege.daemon.url], sessionTimeoutMs: SESSION_MS });
  const { client } = holder;
  stage.atEnd(() => holder.close());
  const { token } = holder.held;
  const codes = new Set<string>();
  for (const [round, left] of LEFT_BYTES.entries()) {
    const ballast = path.join(disk, "ballast");
    stage.say(`${kind}: full but for ${left} bytes, for ${FULL_MS} ms`);
    fill(ballast, disk, left);
    const refusal = await refused(client, `/full-${round}`);
    if (refusal === undefined) siege.fail("refusal", `${kind}: writes are still taken with ${left} bytes left`);
    else codes.add(refusal);
    const from = performance.now();
    for (let i = 0; performance.now() - from < FULL_MS; i++) {
      await client.stat("/");
      // The disk is as full as it can be, whatever was freed meanwhile.
      if (i % 10 === 0) fill(ballast, disk, left);
      await wait(50);
    }
    unlinkSync(ballast);
    if (!(await taken(client, `/free-${round}`)))
      siege.fail("recovery", `${kind}: no write is taken after space was freed`);
    if (!holder.isSure || holder.held.token !== token)
      siege.fail("sessions", `${kind}: a lock was lost to a full disk`);
  }
  if (siege.load.lost.server > 0)
    siege.fail("sessions", `${kind}: ${siege.load.lost.server} sessions ended by a full disk`);
  Object.assign(siege.figures, {
    "times full": LEFT_BYTES.length,
    refusals: [...codes].join(" "),
    starts: siege.starts,
  });
  await holder.close();
  return siege.end();
}

/** Undefined where the system has no loop devices. */
async function mounted(kind: Kind, stage: RowStage): Promise<string | undefined> {
  const at = await stage.directory(kind);
  try {
    if (kind === "tmpfs") execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_BYTES}`, "corral", at]);
    else {
      const image = path.join(await stage.directory("image"), "disk");
      execFileSync("truncate", ["-s", String(DISK_BYTES), image]);
      execFileSync("mkfs.ext4", ["-q", "-m", "0", image]);
      execFileSync("mount", ["-o", "loop", image, at], { stdio: "pipe" });
    }
  } catch (error) {
    if (kind === "tmpfs") throw error;
    return undefined;
  }
  stage.atEnd(() => void execFileSync("umount", ["-l", at]));
  return at;
}

/** Grows a file until so much is left. */
function fill(ballast: string, disk: string, left: number): void {
  const fd = openSync(ballast, "a");
  try {
    for (;;) {
      const { bavail, bsize } = statfsSync(disk);
      const size = Math.min(BLOCK.length, bavail * bsize - left);
      if (size <= 0) return;
      writeSync(fd, BLOCK, 0, size);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  } finally {
    closeSync(fd);
  }
}

/** With which code writes are refused, as soon as they are; undefined if they never are. */
async function refused(client: Client, at: string): Promise<string | undefined> {
  const until = performance.now() + NOTICES_MS;
  for (let i = 0; performance.now() < until; i++) {
    try {
      await client.create(`${at}-${i}`, null, { timeoutMs: PROBE_MS });
      await wait(20);
    } catch (error) {
      if (!(error instanceof CorralError)) throw error;
      return error.code;
    }
  }
  return undefined;
}

async function taken(client: Client, at: string): Promise<boolean> {
  const until = performance.now() + NOTICES_MS;
  for (let i = 0; performance.now() < until; i++) {
    try {
      await client.create(`${at}-${i}`, null, { timeoutMs: PROBE_MS });
      return true;
    } catch (error) {
      if (!(error instanceof CorralError)) throw error;
    }
  }
  return false;
}
