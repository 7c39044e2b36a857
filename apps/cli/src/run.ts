/** One call of corral, from its arguments to its exit code. */
import type { Client } from "@corral/client";
import { CLUSTER_FLAGS } from "./cluster/flags.ts";
import type { Command, Family } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { ExitCode, exitCodeOf } from "./exit-code.ts";
import { FAMILIES } from "./families.ts";
import { parseFlags } from "./flags.ts";
import { commandHelp, familyHelp, help } from "./help.ts";
import { ItemErrors } from "./item-errors.ts";
import { didYouMean } from "./nearest.ts";
import { output } from "./output.ts";
import { ConnectError, openSession } from "./session.ts";
import { GLOBAL_FLAGS, sessionSettings, TOP_FLAGS } from "./settings.ts";
import { UsageError } from "./usage-error.ts";
import { VERSION } from "./version.ts";

export async function run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<ExitCode> {
  const isJson = args.includes("--json");
  const found: string[] = [];
  try {
    await dispatch(args, env, found);
    return ExitCode.ok;
  } catch (error) {
    return complain(reasonOf(error as Failure), isJson, ["corral", ...found, "--help"].join(" "));
  }
}

/** What is called, and how many of the arguments name it. */
interface Called {
  readonly name: string;
  readonly words: 1 | 2;
  readonly command: Command;
}

/** Adds to `found` the words of the command, as far as there is one: its help is the one to look at. */
async function dispatch(args: readonly string[], env: NodeJS.ProcessEnv, found: string[]): Promise<void> {
  const wantsHelp = args.includes("--help") || args.includes("-h");
  const at = wordIndex(args, 0);
  const name = args[at];
  if (name === undefined && (wantsHelp || args.includes("--version"))) {
    const { values } = parseFlags(args, { ...GLOBAL_FLAGS, ...TOP_FLAGS });
    return say(values.has("version") ? `${VERSION}\n` : help());
  }
  const family = FAMILIES.find((one) => one.name === name);
  const loaded = family === undefined ? commandOf(name) : await family.load();
  found.push(name!);
  if (family === undefined || !isSeveral(loaded)) {
    return execute({ name: name!, words: 1, command: loaded as Command }, args, env);
  }
  const verb = args[wordIndex(args, at + 1)];
  if (verb === undefined && wantsHelp) return say(familyHelp(family, loaded));
  const command = verbOf(family, loaded, verb);
  found.push(command.name);
  await execute({ name: found.join(" "), words: 2, command }, args, env);
}

const say = (text: string): void => void process.stdout.write(text);
const isSeveral = (loaded: Command | readonly Command[]): loaded is readonly Command[] => Array.isArray(loaded);

function commandOf(name: string | undefined): Command {
  const known = [...COMMANDS, ...FAMILIES].map((one) => one.name);
  if (name === undefined || name === "help") throw new UsageError(`which command? One of ${known.join(", ")}`);
  const found = COMMANDS.find((command) => command.name === name);
  if (found === undefined) throw new UsageError(`there is no command ${name}${didYouMean(name, known)}`);
  return found;
}

function verbOf(family: Family, verbs: readonly Command[], name: string | undefined): Command {
  const known = verbs.map((verb) => verb.name);
  if (name === undefined) throw new UsageError(`${family.name} what? One of ${known.join(", ")}`);
  const found = verbs.find((verb) => verb.name === name);
  if (found === undefined) {
    throw new UsageError(`there is no command ${family.name} ${name}${didYouMean(name, known)}`);
  }
  return found;
}

/** Flags may stand before the words of a command, as in `corral --server URL ls /`: where the next word is. */
function wordIndex(args: readonly string[], from: number): number {
  let at = from;
  while (args[at]?.startsWith("-") === true) {
    const flag = args[at]!.replace(/^--/, "");
    at += (GLOBAL_FLAGS[flag] ?? CLUSTER_FLAGS[flag])?.type === "string" ? 2 : 1;
  }
  return at;
}

async function execute(
  { name, words, command }: Called,
  all: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const parsed = parseFlags(all, { ...GLOBAL_FLAGS, ...command.flags });
  if (parsed.values.has("help")) return say(commandHelp(name, command));
  const args = parsed.positionals.slice(words);
  const names = command.usage.split(" ").filter((one) => one !== "");
  const needed = names.filter((one) => !one.startsWith("["));
  const usage = `corral ${name} ${command.usage}`.trimEnd();
  if (args.length < needed.length) throw new UsageError(`${needed[args.length]} is missing: ${usage}`);
  const isOpen = /\.\.\.\]?$/.test(command.usage);
  if (args.length > names.length && !isOpen) throw new UsageError(`'${args[names.length]}' is too much: ${usage}`);
  const settings = sessionSettings(parsed, env);
  let client: Client | undefined;
  const connect = async (): Promise<Client> => (client = await openSession(settings));
  const write = (chunk: string | Uint8Array): void => void process.stdout.write(chunk);
  const { stdout } = process;
  const print = output(parsed.values.has("json"), write, tell, () => (stdout.isTTY ? stdout : undefined));
  const goOn = (): AbortSignal => {
    let before: string | undefined;
    client?.on("state", ({ name: now }) => {
      // Told again with each attempt.
      if (now === "suspended" && before !== now)
        print.note("the connection is lost; nothing is missed when it is back");
      before = now;
    });
    return untilInterrupted();
  };
  try {
    await command.run({ connect, args, flags: parsed.values, env, output: print, untilInterrupted: goOn });
  } finally {
    await client?.close();
  }
}

const tell = (line: string): void => void process.stderr.write(`${line}\n`);

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

/** On stderr, for people or as objects, one a line; returns the exit code: of several, that of the first. */
function complain(error: Failure, isJson: boolean, help: string): ExitCode {
  if (error instanceof ItemErrors) return error.errors.map((one) => complain(one, isJson, help))[0] ?? ExitCode.failed;
  const { name, exitCode, hasHelp } = verdictOf(error);
  const { message } = error;
  if (isJson) tell(JSON.stringify({ error: { code: name, exitCode, message } }));
  else tell(`corral: ${message}${hasHelp ? `\nTry ${help}.` : ""}`);
  return exitCode;
}

function verdictOf(error: Failure): { readonly name: string; readonly exitCode: ExitCode; readonly hasHelp: boolean } {
  if (error instanceof UsageError) return { name: "USAGE", exitCode: ExitCode.usage, hasHelp: true };
  if (error instanceof ConnectError) {
    return { name: "CANNOT_CONNECT", exitCode: error.exitCode, hasHelp: false };
  }
  // What the packages refuse before they ask anybody.
  if (error instanceof RangeError) {
    return { name: error.code ?? "BAD_ARGUMENTS", exitCode: ExitCode.usage, hasHelp: false };
  }
  return { name: error.code ?? "FAILED", exitCode: exitCodeOf(error.code), hasHelp: false };
}
