/**
 * The processes that live by this one's leave: every one is killed when this process ends, in whatever way it can still
 * notice. Owns the list of their ids; whoever starts one puts it in and takes it out.
 */

const living = new Set<number>();
let isWatching = false;

/** Kills it when this process ends. Returns the way to take it out again, once it is gone. */
export function endsWithUs(pid: number): () => void {
  if (!isWatching) {
    isWatching = true;
    process.on("exit", killAll);
  }
  living.add(pid);
  return () => living.delete(pid);
}

export function killAll(): void {
  for (const pid of living) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It went before us.
    }
  }
  living.clear();
}
