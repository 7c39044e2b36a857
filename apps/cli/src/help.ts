/** The help, made from the tables that also read the flags. */
import type { Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { flagsHelp } from "./flags.ts";
import { GLOBAL_FLAGS, TOP_FLAGS } from "./settings.ts";

export function help(): string {
  const rows = COMMANDS.map(({ name, usage, summary }) => `  ${`${name} ${usage}`.padEnd(24)}${summary}`);
  return `corral: the command line of Corral

corral COMMAND [flags]
${rows.join("\n")}

corral COMMAND --help tells more of one. For every command:
${flagsHelp(GLOBAL_FLAGS)}

Without one:
${flagsHelp(TOP_FLAGS)}

Data goes to stdout, everything else to stderr. Exit codes: 0 ok, 1 failed, 2 usage, 3 not found,
4 version conflict, 5 not authorised, 6 cannot connect, 7 timed out, 8 session expired.
`;
}

export function commandHelp({ name, usage, summary, flags }: Command): string {
  const own = Object.keys(flags).length === 0 ? "" : `${flagsHelp(flags)}\n\n`;
  return `corral ${`${name} ${usage}`.trimEnd()}: ${summary}\n\n${own}For every command:\n${flagsHelp(GLOBAL_FLAGS)}\n`;
}
