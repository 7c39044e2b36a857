/** One call of corral, from its arguments to its exit code. */
import type { Client } from "@corral/client";
import type { Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { ExitCode, exitCodeOf } from "./exit-code.ts";
import { type ParsedFlags, parseFlags } from "./flags.ts";
import { commandHelp, help } from "./help.ts";
import { didYouMean } from "./nearest.ts";
import { output } from "./output.ts";
import { ConnectError, openSession } from "./session.ts";
import { GLOBAL_FLAGS, sessionSettings, TOP_FLAGS } from "./settings.ts";
import { UsageError } from "./usage-error.ts";
import { VERSION } from "./version.ts";

export async function run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<ExitCode> {
  const isJson = args.includes("--json");
  try {
    await dispatch(args, env);
    return ExitCode.ok;
  } catch (error) {
    return complain(reasonOf(error as Failure), isJson);
  }
}

async function dispatch(args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const command = commandOf(args);
  const parsed = parseFlags(
    args,
    command === undefined ? { ...GLOBAL_FLAGS, ...TOP_FLAGS } : { ...GLOBAL_FLAGS, ...command.flags },
  );
  if (command === undefined && parsed.values.has("version")) return say(`${VERSION}\n`);
  if (parsed.values.has("help") || command === undefined)
    return say(command === undefined ? help() : commandHelp(command));
  await execute(command, parsed, env);
}

const say = (text: string): void => void process.stdout.write(text);

/** The first argument that is no flag is the command. Undefined: only the help or the version is wanted. */
function commandOf(args: readonly string[]): Command | undefined {
  const name = args[commandIndex(args)];
  const known = COMMANDS.map(({ name }) => name);
  if (name === undefined && args.some((arg) => ["--help", "-h", "--version"].includes(arg))) return undefined;
  if (name === undefined || name === "help") throw new UsageError(`which command? One of ${known.join(", ")}`);
  const found = COMMANDS.find((command) => command.name === name);
  if (found === undefined) throw new UsageError(`there is no command ${name}${didYouMean(name, known)}`);
  return found;
}

/** Flags that hold for every command may stand before it, as in `corral --server URL ls /`. */
function commandIndex(args: readonly string[]): number {
  let at = 0;
  while (args[at]?.startsWith("-") === true) {
    const flag = args[at]!.replace(/^--/, "");
    at += GLOBAL_FLAGS[flag]?.type === "string" ? 2 : 1;
  }
  return at;
}

async function execute(command: Command, parsed: ParsedFlags, env: NodeJS.ProcessEnv): Promise<void> {
  const args = parsed.positionals.slice(1);
  const names = command.usage.split(" ").filter((name) => name !== "");
  const needed = names.filter((name) => !name.startsWith("["));
  if (args.length < needed.length)
    throw new UsageError(`${needed[args.length]} is missing: corral ${command.name} ${command.usage}`);
  if (args.length > names.length)
    throw new UsageError(`'${args[names.length]}' is too much: corral ${command.name} ${command.usage}`);
  const settings = sessionSettings(parsed, env);
  let client: Client | undefined;
  const connect = async (): Promise<Client> => (client = await openSession(settings));
  const write = (chunk: string | Uint8Array): void => void process.stdout.write(chunk);
  const print = output(parsed.values.has("json"), write);
  try {
    await command.run({ connect, args, flags: parsed.values, output: print, untilInterrupted });
  } finally {
    await client?.close();
  }
}

function untilInterrupted(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => controller.abort());
  return controller.signal;
}

type Failure = Error & { readonly code?: string };

/** A client that was closed by its session's end has that for its cause, and nobody closed it here. */
function reasonOf(error: Failure): Failure {
  return error.code === "CLOSED" && error.cause instanceof Error ? reasonOf(error.cause) : error;
}

/** On stderr, for people or as an object; returns the exit code. */
function complain(error: Failure, isJson: boolean): ExitCode {
  const isUsage = error instanceof UsageError;
  const code = isUsage ? ExitCode.usage : error instanceof ConnectError ? error.exitCode : exitCodeOf(error.code);
  const name = error.code ?? (isUsage ? "USAGE" : error instanceof ConnectError ? "CANNOT_CONNECT" : "FAILED");
  const text = `corral: ${error.message}${isUsage ? "\nTry corral --help." : ""}`;
  process.stderr.write(
    `${isJson ? JSON.stringify({ error: { code: name, exitCode: code, message: error.message } }) : text}\n`,
  );
  return code;
}
