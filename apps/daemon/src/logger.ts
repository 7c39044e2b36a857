/**
 * The daemon's own log: one JSON object a line on stderr, or lines for people. Each line carries `event`, a stable name;
 * the README lists them. stdout belongs to the start-up lines.
 */
import { writeSync } from "node:fs";
import { type Logger, pino, stdTimeFunctions } from "pino";
import type { LogFormat, LogLevel } from "./settings.ts";

/** Synchronous: the last line before the end of the process is the one that matters most, and lines are rare. */
export function createLogger(level: LogLevel, format: LogFormat): Logger {
  const write = (line: string): void => writeLine(format === "json" ? line : consoleLine(line));
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: serializeError },
      errorKey: "error",
    },
    { write },
  );
}

const STDERR = 2;

function writeLine(line: string): void {
  try {
    writeSync(STDERR, line);
  } catch (error) {
    // EPIPE: whoever read the log is gone. EAGAIN: it does not read. Serving goes on without a line.
    if (!["EPIPE", "EAGAIN"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}

function serializeError(error: unknown): unknown {
  return error instanceof Error ? pino.stdSerializers.err(error) : error;
}

/** `12:03:04.567 warn  text  key=value …`, with the stack of an error below. */
function consoleLine(line: string): string {
  const { time, level, msg, event: _event, error, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const values = Object.entries(rest).map(
    ([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  const clock = String(time).slice(11, 23);
  const head = [clock, String(level).padEnd(5), String(msg), ...values].join(" ");
  return error === undefined ? `${head}\n` : `${head}\n  ${stackOf(error).replaceAll("\n", "\n  ")}\n`;
}

function stackOf(error: unknown): string {
  const { stack, message } = error as { readonly stack?: string; readonly message?: string };
  return stack ?? message ?? JSON.stringify(error);
}
