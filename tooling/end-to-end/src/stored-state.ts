/** What a data directory holds, by each way that leads to it: the newest snapshot, the oldest, the beginning of the log. */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { LogError, openFileLog } from "@corral/log";
import { recover } from "@corral/server";
import { digestOf } from "@corral/state-machine";

export interface StoredState {
  readonly zxid: number;
  readonly digest: string;
  readonly znodes: number;
  readonly snapshotZxid: number | undefined;
}

export interface StoredStates {
  readonly newest: StoredState;
  readonly oldest: StoredState;
  /** Undefined when the beginning of the log is no longer kept. */
  readonly none: StoredState | undefined;
}

/**
 * A copy of the directory of a daemon that has ended, which is what is looked at: nothing can then depend on having looked,
 * and the daemon may start again meanwhile.
 */
export async function copyOf(directory: string): Promise<string> {
  const copy = await mkdtemp(path.join(tmpdir(), "corral-copy-"));
  // The lock is a socket, which cannot be copied and is not part of what is stored.
  await cp(directory, copy, { recursive: true, filter: (source) => !path.basename(source).startsWith("lock-") });
  return copy;
}

/** Reads the copy, and removes it. */
export async function storedStates(copy: string, limits: Readonly<Record<string, number>>): Promise<StoredStates> {
  try {
    const none = await storedState(copy, "none", limits).catch((error: unknown) => {
      if (error instanceof LogError && error.message.includes("no stored snapshot was wanted")) return undefined;
      throw error;
    });
    return {
      newest: await storedState(copy, "newest", limits),
      oldest: await storedState(copy, "oldest", limits),
      none,
    };
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

async function storedState(
  directory: string,
  snapshot: "newest" | "oldest" | "none",
  { maxRecordBytes, segmentBytes }: Readonly<Record<string, number>>,
): Promise<StoredState> {
  const limits = {
    ...(maxRecordBytes === undefined ? {} : { maxRecordBytes }),
    ...(segmentBytes === undefined ? {} : { segmentBytes }),
  };
  const { state, snapshotZxid } = await recover(openFileLog({ directory, readOnly: true, snapshot, limits }));
  return { zxid: state.zxid, digest: digestOf(state), znodes: state.tree.count, snapshotZxid };
}
