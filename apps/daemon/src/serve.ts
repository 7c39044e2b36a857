/**
 * `corrald`: from settings to a server that serves, and in order to its end. READ THIS FIRST.
 *
 * Owns the wiring (log, server, own log, signals) and every way in which the process ends. No logic of its own: what a
 * coordinator does is in @corral/server. Later steps hang in here: the admin port beside `startServer`, TLS in its options.
 */
import path from "node:path";
import { type Log, type LogWarning, openFileLog } from "@corral/log";
import { type Server, startServer } from "@corral/server";
import type { Logger } from "pino";
import { ExitCode, exitCodeOfFatal, exitCodeOfStart } from "./exit-code.ts";
import { createLogger } from "./logger.ts";
import { observedLog } from "./observed-log.ts";
import type { LogFormat, Settings } from "./settings.ts";
import { drainOnSignal } from "./signals.ts";
import { startLines } from "./start-lines.ts";
import { UsageError } from "./usage-error.ts";
import { VERSION } from "./version.ts";
import { boundYoungGeneration } from "./young-generation.ts";

/** Serves until a signal. Returns how to end; a failure on the way ends the process by itself. */
export async function serve(settings: Settings): Promise<ExitCode> {
  boundYoungGeneration();
  const logger = createLogger(settings.logLevel, settings.logFormat ?? defaultFormat());
  endOnUnexpected(logger);
  const directory = path.resolve(settings.data);
  const log = openLog(directory, settings, logger);
  const signals = drainOnSignal(logger);
  const startedAt = performance.now();
  let server: Server;
  try {
    server = await start(log, settings, logger);
  } catch (error) {
    sayStartFailed(error as Error & { readonly code?: string }, directory, logger);
    return exitCodeOfStart(error);
  }
  sayServing(server, log.clusterId, directory, performance.now() - startedAt, logger);
  await signals.first;
  try {
    await server.close();
  } catch (error) {
    logger.fatal({ event: "failed", error }, `the log could not be closed in order: ${(error as Error).message}`);
    return ExitCode.logFailed;
  }
  logger.info({ event: "stopped", zxid: server.figures.zxid }, "stopped in order");
  return ExitCode.ok;
}

const defaultFormat = (): LogFormat => (process.stderr.isTTY ? "console" : "json");

/** A bug. Going on with half of a broken invariant would be worse than ending. */
function endOnUnexpected(logger: Logger): void {
  const end = (error: unknown): void => {
    logger.fatal({ event: "unexpected_error", error }, "an error that nobody expected: please report it");
    process.exit(ExitCode.internal);
  };
  process.on("uncaughtException", end);
  process.on("unhandledRejection", end);
}

function openLog(directory: string, settings: Settings, logger: Logger): Log {
  const warn = (warning: LogWarning): void => sayWarning(warning, logger);
  try {
    const log = openFileLog({ directory, limits: settings.limits.log, warn });
    return observedLog(log, (state) => saySpace(state, directory, logger));
  } catch (error) {
    // Limits that do not fit together.
    if (error instanceof RangeError) throw new UsageError(`--limit: ${error.message}`);
    throw error;
  }
}

function start(log: Log, settings: Settings, logger: Logger): Promise<Server> {
  const { listen, limits, superIdentities } = settings;
  return startServer({
    log,
    host: listen.host,
    port: listen.port,
    limits: limits.server,
    options: { ...limits.options, superIdentities },
    onFatal(error) {
      logger.fatal({ event: "failed", error }, `cannot go on: ${error.message}`);
      process.exit(exitCodeOfFatal(error));
    },
    onSnapshotFailed(error) {
      logger.error(
        { event: "snapshot_failed", error },
        "a snapshot could not be written; it will be tried again, and the log kept until then",
      );
    },
  });
}

/** What has a code (of the log, or of the system) is explained by its text; of anything else, the stack is wanted too. */
function sayStartFailed(error: Error & { readonly code?: string }, directory: string, logger: Logger): void {
  const cause = error.code === undefined ? { error } : { code: error.code };
  logger.fatal({ event: "start_failed", data: directory, ...cause }, `cannot start: ${error.message}`);
}

function sayServing(server: Server, clusterId: string, directory: string, ms: number, logger: Logger): void {
  const { recovered, figures, urls } = server;
  const start = {
    urls,
    data: directory,
    clusterId,
    zxid: recovered.lastZxid,
    batches: recovered.batches,
    snapshotZxid: recovered.snapshotZxid,
    ms: Math.round(ms),
  };
  for (const line of startLines({ ...start, znodes: figures.znodes, sessions: figures.sessions }))
    process.stdout.write(`${line}\n`);
  logger.info({ event: "serving", version: VERSION, pid: process.pid, ...start }, "serving");
  const isOpenToAll = urls.some((url) => !["127.0.0.1", "[::1]"].includes(new URL(url).hostname));
  if (isOpenToAll)
    logger.warn(
      { event: "listens_in_clear", urls },
      "this address can be reached from other machines, without encryption: keep it in a network you trust",
    );
}

function saySpace(state: "ok" | "low", directory: string, logger: Logger): void {
  if (state === "low")
    logger.error(
      { event: "disk_low", data: directory },
      "little disk space is left: writes are refused until there is more, reads go on",
    );
  else logger.info({ event: "disk_ok", data: directory }, "disk space is sufficient: writes are taken");
}

function sayWarning(warning: LogWarning, logger: Logger): void {
  const { kind, ...facts } = warning;
  const event = `log_${kind.replaceAll("-", "_")}`;
  switch (kind) {
    case "torn-tail":
      return logger.warn({ event, ...facts }, "bytes after the last record, never acknowledged, were cut off");
    case "snapshot-skipped":
      return logger.warn(
        { event, ...facts },
        "a stored snapshot was not used; an older one, or the log, serves instead",
      );
    case "damage-covered":
      return logger.error(
        { event, ...facts },
        "damage in a part of the log that the newest snapshot makes unnecessary: look after this disk",
      );
    case "background":
      return logger.error({ event, ...facts }, "a background step of the log failed; it will be tried again");
  }
}
