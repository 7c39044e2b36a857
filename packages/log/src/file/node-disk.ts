/**
 * The disk of this machine, through Node's `fs`.
 *
 * Owns file descriptors. Never retries, never hides an error; a short write is continued, as POSIX asks.
 */

import fs from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import type { Disk, DiskFile, OpenMode } from "./disk.ts";
import { makeDirectory } from "./node-directory.ts";

const openFd = promisify(fs.open);
const closeFd = promisify(fs.close);
const fsync = promisify(fs.fsync);
const fdatasync = promisify(fs.fdatasync);
const fstat = promisify(fs.fstat);

/**
 * On Linux one `pwritev` on an O_DSYNC descriptor is write and fdatasync in a single trip to the thread pool, and the
 * event loop never waits for a page lock. Elsewhere O_DSYNC may stop at the drive's cache, where libuv's fdatasync does not.
 */
const durableByOpenFlag: boolean = process.platform === "linux";

const flagsOf: Record<OpenMode, number> = {
  create: fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
  write: fs.constants.O_RDWR,
  durable: fs.constants.O_RDWR | (durableByOpenFlag ? fs.constants.O_DSYNC : 0),
  read: fs.constants.O_RDONLY,
};

export function nodeDisk(directory: string): Disk {
  const at = (name: string): string => path.join(directory, name);
  return {
    place: directory,
    async createDirectory() {
      // The name of each new directory stands in its parent.
      for (const made of await makeDirectory(directory)) await syncDirectoryAt(path.dirname(made));
    },
    async list() {
      try {
        return await fs.promises.readdir(directory);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
        throw error;
      }
    },
    async open(name, mode) {
      return new NodeFile(name, await openFd(at(name), flagsOf[mode], 0o640), mode === "durable" && !durableByOpenFlag);
    },
    rename: (from, to) => fs.promises.rename(at(from), at(to)),
    remove: (name) => fs.promises.unlink(at(name)),
    syncDirectory: () => syncDirectoryAt(directory),
    async space() {
      const stat = await fs.promises.statfs(directory);
      return { free: stat.bavail * stat.bsize, total: stat.blocks * stat.bsize };
    },
  };
}

async function syncDirectoryAt(directory: string): Promise<void> {
  const fd = await openFd(directory, fs.constants.O_RDONLY);
  try {
    await fsync(fd);
  } finally {
    await closeFd(fd);
  }
}

class NodeFile implements DiskFile {
  readonly name: string;
  readonly #fd: number;
  readonly #syncEachWrite: boolean;

  constructor(name: string, fd: number, syncEachWrite: boolean) {
    this.name = name;
    this.#fd = fd;
    this.#syncEachWrite = syncEachWrite;
  }

  async size(): Promise<number> {
    return (await fstat(this.#fd)).size;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let done = 0;
    try {
      while (done < into.length) {
        const count = await readOnce(this.#fd, into.subarray(done), position + done);
        if (count === 0) break;
        done += count;
      }
    } catch (error) {
      throw naming(this.name, error);
    }
    return done;
  }

  async write(pieces: readonly Uint8Array[], position: number): Promise<void> {
    let rest = pieces;
    let at = position;
    try {
      while (rest.length > 0) {
        const count = await writeOnce(this.#fd, rest, at);
        rest = withoutFirst(rest, count);
        at += count;
      }
      if (this.#syncEachWrite) await fdatasync(this.#fd);
    } catch (error) {
      throw naming(this.name, error);
    }
  }

  async sync(): Promise<void> {
    try {
      await fdatasync(this.#fd);
    } catch (error) {
      throw naming(this.name, error);
    }
  }

  close(): Promise<void> {
    return closeFd(this.#fd);
  }
}

/** The same error: of calls on a descriptor the system's message does not say which file it was. */
function naming(name: string, error: unknown): unknown {
  if (error instanceof Error) error.message += ` '${name}'`;
  return error;
}

function readOnce(fd: number, into: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, into, 0, into.length, position, (error, count) => (error === null ? resolve(count) : reject(error)));
  });
}

function writeOnce(fd: number, pieces: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.writev(fd, pieces, position, (error, count) =>
      error === null || error === undefined ? resolve(count) : reject(error),
    );
  });
}

/** What remains of `pieces` once `count` bytes are gone; empty pieces vanish too. */
function withoutFirst(pieces: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count;
  let index = 0;
  for (; index < pieces.length; index += 1) {
    const length = pieces[index]!.length;
    if (left < length) break;
    left -= length;
  }
  return left === 0 ? pieces.slice(index) : [pieces[index]!.subarray(left), ...pieces.slice(index + 1)];
}
