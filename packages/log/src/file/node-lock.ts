/**
 * The directory lock of this machine: a listening unix socket in the data directory.
 *
 * A live owner answers a connection; the socket of one that is gone refuses it and is removed. No process id is trusted.
 * Every starter shows a socket of its own, and only then looks at the others': of two, at least one sees the other. A
 * starter gives way to an owner, and to a starter whose name sorts before its own.
 */

import { randomBytes } from "node:crypto";
import fs from "node:fs/promises";
import net from "node:net";
import path from "node:path";
import { LogError } from "../log.ts";
import type { DirectoryLock } from "./lock.ts";
import { makeDirectory } from "./node-directory.ts";

/** `sockaddr_un` holds 108 bytes on Linux, 104 on macOS, a zero among them. */
const MAX_SOCKET_PATH_BYTES = 100;
const LOCK_PATTERN = /^lock-[0-9a-f]{16}$/;
/** Longer than any socket's name here. */
const NAME_BYTES = 32;
/** An answer that takes longer comes from a process that is stopped or busy, hence alive. */
const ANSWER_MS = 1000;
/** Between two looks at another starter. */
const RETRY_MS = 10;
/** How long to wait for another starter to give up or to win, in looks. */
const MAX_LOOKS = 300;

type Answer = "owner" | "starting" | "gone";

export function nodeDirectoryLock(directory: string): DirectoryLock {
  return { acquire: () => acquire(path.resolve(directory)) };
}

async function acquire(directory: string): Promise<() => Promise<void>> {
  await makeDirectory(directory);
  // A long path is reached through an open descriptor of the directory.
  const isLong = Buffer.byteLength(directory) + NAME_BYTES > MAX_SOCKET_PATH_BYTES;
  const handle = isLong && process.platform === "linux" ? await fs.open(directory, "r") : undefined;
  const base = handle === undefined ? directory : `/proc/self/fd/${handle.fd}`;
  const name = `lock-${randomBytes(8).toString("hex")}`;
  let answer: Answer = "starting";
  const server = net.createServer((socket) => {
    // Whoever asks may be gone before the answer is.
    socket.on("error", () => socket.destroy());
    socket.end(answer);
  });
  const letGo = async (): Promise<void> => {
    await fs.rm(path.join(base, name), { force: true });
    if (server.listening) await new Promise<void>((resolve) => void server.close(() => resolve()));
    await handle?.close();
  };
  try {
    // Shown under its name only once it listens: before that it would look like one that is gone.
    const hidden = path.join(base, `.${name}`);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(hidden, resolve);
    });
    server.unref();
    await fs.rename(hidden, path.join(base, name));
    if (!(await isFirst(base, name)))
      throw new LogError("LOCKED", `another process has the data directory ${directory}`);
  } catch (error) {
    await letGo();
    throw error;
  }
  answer = "owner";
  return letGo;
}

/** Whether every other socket in the directory is gone, after waiting for starters that must give way to us. */
async function isFirst(base: string, own: string): Promise<boolean> {
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    const others = (await fs.readdir(base)).filter((name) => LOCK_PATTERN.test(name) && name !== own);
    let waits = false;
    for (const other of others) {
      const answer = await ask(path.join(base, other));
      if (answer === "owner" || (answer === "starting" && other < own)) return false;
      if (answer === "gone") await fs.rm(path.join(base, other), { force: true });
      else waits = true;
    }
    if (!waits) return true;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
  return false;
}

function ask(socketPath: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(socketPath);
    const timer = setTimeout(() => {
      socket.destroy();
      resolve("owner");
    }, ANSWER_MS);
    const settle = (answer: Answer): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    socket.once("data", (bytes) => settle(bytes.toString() === "starting" ? "starting" : "owner"));
    // It was there and is closing: the next look will tell.
    socket.once("end", () => settle("starting"));
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (
        error.code === "ECONNREFUSED" ||
        error.code === "ENOENT" ||
        error.code === "ENOTSOCK" ||
        error.code === "EPROTOTYPE"
      )
        return settle("gone");
      // EAGAIN: so many ask a live owner that its backlog is full. ECONNRESET, EPIPE: it closed while answering.
      if (error.code === "EAGAIN" || error.code === "ECONNRESET" || error.code === "EPIPE")
        return settle(error.code === "EAGAIN" ? "owner" : "starting");
      clearTimeout(timer);
      reject(error);
    });
  });
}
