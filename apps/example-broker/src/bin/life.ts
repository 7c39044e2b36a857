/**
 * What the processes of this example share of a life: they tell whoever started them what happens, a line of JSON each on stdout, and end in
 * order at SIGTERM and when that one is gone.
 */

/** One line. `event` first, whatever else is known after it. */
export function tell(event: string, fields: Readonly<Record<string, unknown>> = {}): void {
  process.stdout.write(`${JSON.stringify({ event, ...fields })}\n`);
}

/** Ending in order may take so long, milliseconds. */
const END_MS = 15_000;
/** How often a process looks whether who started it is still there, milliseconds. */
const PARENT_EVERY_MS = 500;

/** Aborted when the process is to end. After `END_MS` it ends in any case. */
export function endSignal(): AbortSignal {
  const end = new AbortController();
  const begin = (): void => {
    if (end.signal.aborted) return;
    end.abort();
    setTimeout(() => process.exit(1), END_MS).unref();
  };
  process.on("SIGTERM", begin);
  process.on("SIGINT", begin);
  const parent = process.ppid;
  setInterval(() => {
    // Nobody is left to end it: the way of a child whose parent was killed.
    if (process.ppid !== parent) process.exit(1);
  }, PARENT_EVERY_MS).unref();
  // The reader of our lines is gone: nobody is there to be told of anything.
  process.stdout.on("error", () => process.exit(1));
  return end.signal;
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => {
      resolve();
    });
  });
}

/** A failure that nothing can be done about here. */
export function fail(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
}
