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

/** Reads a copy of the directory, so that nothing can be said to depend on having looked. */
export async function storedStates(directory: string, limits: Readonly<Record<string, number>>): Promise<StoredStates> {
  const copy = await mkdtemp(path.join(tmpdir(), "corral-copy-"));
  try {
    // The lock is a socket, which cannot be copied and is not part of what is stored.
    await cp(directory, copy, { recursive: true, filter: (source) => !path.basename(source).startsWith("lock-") });
    const read = async (snapshot: "newest" | "oldest" | "none"): Promise<StoredState> => {
      const { maxRecordBytes, segmentBytes } = limits;
      const log = openFileLog({
        directory: copy,
        readOnly: true,
        snapshot,
        limits: {
          ...(maxRecordBytes === undefined ? {} : { maxRecordBytes }),
          ...(segmentBytes === undefined ? {} : { segmentBytes }),
        },
      });
      const { state, snapshotZxid } = await recover(log);
      return { zxid: state.zxid, digest: digestOf(state), znodes: state.tree.count, snapshotZxid };
    };
    const none = await read("none").catch((error: unknown) => {
      if (error instanceof LogError && error.message.includes("no stored snapshot was wanted")) return undefined;
      throw error;
    });
    return { newest: await read("newest"), oldest: await read("oldest"), none };
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}
