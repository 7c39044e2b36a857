/**
 * The directory lock of this machine: a listening unix socket named `lock` in the data directory.
 *
 * A live owner answers a connection; a socket whose owner is gone refuses it and is replaced. No process id is trusted.
 * The socket is bound under a name of its own and then linked to `lock`, which only one can do.
 */

import { randomBytes } from "node:crypto";
import fs from "node:fs/promises";
import net from "node:net";
import path from "node:path";
import { LogError } from "../log.ts";
import type { DirectoryLock } from "./lock.ts";

const LOCK_NAME = "lock";
/** `sockaddr_un` holds 108 bytes on Linux, 104 on macOS, a zero among them. */
const MAX_SOCKET_PATH_BYTES = 100;
/** A stale socket is taken away at most so often before the others are called live. */
const MAX_ATTEMPTS = 5;

export function nodeDirectoryLock(directory: string): DirectoryLock {
  return { acquire: () => acquire(path.resolve(directory)) };
}

async function acquire(directory: string): Promise<() => Promise<void>> {
  await fs.mkdir(directory, { recursive: true });
  // A long path is reached through an open descriptor of the directory.
  const handle = Buffer.byteLength(directory) + 24 > MAX_SOCKET_PATH_BYTES && process.platform === "linux" ? await fs.open(directory, "r") : undefined;
  const base = handle === undefined ? directory : `/proc/self/fd/${handle.fd}`;
  const own = path.join(base, `${LOCK_NAME}-${randomBytes(4).toString("hex")}`);
  const lock = path.join(base, LOCK_NAME);
  const server = net.createServer((socket) => socket.destroy());
  const letGo = async (): Promise<void> => {
    await new Promise<void>((resolve) => void server.close(() => resolve()));
    await handle?.close();
  };
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(own, resolve);
    });
    server.unref();
    for (let attempt = 1; ; attempt += 1) {
      if (await linkTo(own, lock)) break;
      if (attempt > MAX_ATTEMPTS || (await answers(lock))) throw new LogError("LOCKED", `another process has the data directory ${directory}`);
      await takeAwayStale(lock, `${own}-stale`);
    }
    await fs.unlink(own);
  } catch (error) {
    // libuv removes the socket under its own name when the server closes.
    await letGo();
    throw error;
  }
  return async () => {
    await fs.rm(lock, { force: true });
    await letGo();
  };
}

async function linkTo(own: string, lock: string): Promise<boolean> {
  try {
    await fs.link(own, lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Between the look and the removal another starter may have replaced the stale socket: what was moved is looked at again. */
async function takeAwayStale(lock: string, aside: string): Promise<void> {
  try {
    await fs.rename(lock, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  if (await answers(aside)) await linkTo(aside, lock);
  await fs.unlink(aside);
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(socketPath);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      // ECONNREFUSED: nobody listens. ENOENT: it went away. ENOTSOCK and EPROTOTYPE: a file by that name.
      // EAGAIN: the backlog of a live, busy owner is full.
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT" || error.code === "ENOTSOCK" || error.code === "EPROTOTYPE") resolve(false);
      else if (error.code === "EAGAIN") resolve(true);
      else reject(error);
    });
  });
}
