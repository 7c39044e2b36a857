/** One process per data directory. */
export interface DirectoryLock {
  /** Resolves with how to let go. Throws LogError `LOCKED` when a live process has it. */
  acquire(): Promise<() => Promise<void>>;
}
