/** Values given on the command line: what a znode shall hold, versions, times. */
import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import type { Match } from "@corral/client";
import type { Flag } from "./flags.ts";
import { UsageError } from "./usage-error.ts";

type Flags = ReadonlyMap<string, readonly string[]>;

export const FILE_FLAG: Flag = {
  type: "string",
  short: "f",
  value: "FILE",
  help: "the value is in this file; - is stdin",
};
export const VERSION_FLAG: Flag = {
  type: "string",
  short: "v",
  value: "N",
  help: "only if this is the znode's version",
};

/** From the argument or `--file`; null, no data, if neither is given. */
export async function valueFrom(argument: string | undefined, flags: Flags): Promise<Uint8Array | null> {
  const file = flags.get("file")?.[0];
  if (file === undefined) return argument === undefined ? null : new TextEncoder().encode(argument);
  if (argument !== undefined) throw new UsageError("give the value as an argument or by --file, not both");
  if (file === "-") return buffer(process.stdin);
  try {
    return await readFile(file);
  } catch (error) {
    throw new UsageError(`--file: ${(error as Error).message}`);
  }
}

export function matchFrom(flags: Flags): Match | undefined {
  const text = flags.get("version")?.[0];
  return text === undefined ? undefined : { version: wholeNumber("--version", text) };
}

export function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new UsageError(`${name} is '${text}', not a whole number`);
  return value;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `500ms`, `30s`, `5m`, `2h`, `1d`; milliseconds. */
export function duration(name: string, text: string): number {
  const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) ?? [];
  const ms = Number(digits) * (UNIT_MS[unit] ?? Number.NaN);
  if (!(ms >= 1)) throw new UsageError(`${name} is '${text}', not a time such as 500ms, 30s, 5m, 2h or 1d`);
  return Math.round(ms);
}
