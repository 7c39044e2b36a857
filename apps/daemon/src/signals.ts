/**
 * SIGTERM and SIGINT: the first asks for a drain, the second ends the process at once. SIGHUP, a terminal that has gone,
 * drains too; it will reload the configuration file when there is one.
 */
import type { Logger } from "pino";
import { ExitCode } from "./exit-code.ts";

export interface Signals {
  /** Resolves at the first signal, also when that came while the daemon was starting. */
  readonly first: Promise<void>;
}

export function drainOnSignal(logger: Logger): Signals {
  let seen = 0;
  let resolveFirst = (): void => {};
  const first = new Promise<void>((resolve) => (resolveFirst = resolve));
  const on = (signal: NodeJS.Signals): void => {
    seen++;
    if (seen > 1) {
      logger.warn({ event: "ended_at_once", signal }, "second signal: ended at once");
      process.exit(signal === "SIGINT" ? ExitCode.interrupted : ExitCode.terminated);
    }
    logger.info(
      { event: "draining", signal },
      "draining: clients are told to go, what they asked for is finished; a second signal ends at once",
    );
    resolveFirst();
  };
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, on);
  return { first };
}
