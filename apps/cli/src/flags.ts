/**
 * Reads flags by a table that also makes the help. Stricter than parseArgs alone: an unknown flag names the nearest known
 * one, and a missing value is said to be missing instead of taking the next flag for it.
 */
import { parseArgs } from "node:util";
import { didYouMean } from "./nearest.ts";
import { UsageError } from "./usage-error.ts";

export interface Flag {
  readonly type: "string" | "boolean";
  readonly short?: string;
  readonly multiple?: true;
  /** What stands for the value in the help. */
  readonly value?: string;
  readonly help: string;
}

export interface ParsedFlags {
  /** All values of each flag given, in order; `""` for a boolean one. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly positionals: readonly string[];
}

/** `--shift-by -10` is a value, not a flag `-1`: no flag is a digit. */
function joinNegative(args: readonly string[], flags: Readonly<Record<string, Flag>>): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const before = joined.at(-1);
    const isValue = /^-\d/.test(arg) && before?.startsWith("--") === true && flags[before.slice(2)]?.type === "string";
    if (isValue) joined[joined.length - 1] = `${before}=${arg}`;
    else joined.push(arg);
  }
  return joined;
}

/** Throws UsageError. */
export function parseFlags(args: readonly string[], flags: Readonly<Record<string, Flag>>): ParsedFlags {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { type, short }]) => [
      name,
      { type, multiple: true, ...(short === undefined ? {} : { short }) },
    ]),
  );
  const { tokens } = parseArgs({
    args: joinNegative(args, flags),
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined;
    if (flag === undefined) {
      throw new UsageError(
        `there is no flag ${token.rawName}${didYouMean(
          token.rawName,
          Object.keys(flags).map((name) => `--${name}`),
        )}`,
      );
    }
    const seen = values.get(token.name) ?? [];
    if (seen.length > 0 && flag.multiple !== true) throw new UsageError(`${token.rawName} is given twice`);
    values.set(token.name, [...seen, valueOf(token.rawName, token.value, token.inlineValue, flag)]);
  }
  return { values, positionals };
}

function valueOf(rawName: string, value: string | undefined, isInline: boolean | undefined, flag: Flag): string {
  if (flag.type === "boolean") {
    if (value !== undefined) throw new UsageError(`${rawName} takes no value`);
    return "";
  }
  if (value === undefined || (isInline !== true && value.startsWith("-") && value !== "-")) {
    throw new UsageError(`${rawName} needs a value: ${rawName} ${flag.value ?? "VALUE"}`);
  }
  return value;
}

/** The table, as it stands in the help. */
export function flagsHelp(flags: Readonly<Record<string, Flag>>): string {
  const rows = Object.entries(flags).map(([name, { short, value, help }]) => ({
    left: `  ${short === undefined ? "    " : `-${short}, `}--${name}${value === undefined ? "" : ` ${value}`}`,
    help,
  }));
  const width = Math.max(...rows.map(({ left }) => left.length)) + 2;
  return rows.map(({ left, help }) => left.padEnd(width) + help.replaceAll("\n", `\n${" ".repeat(width)}`)).join("\n");
}
