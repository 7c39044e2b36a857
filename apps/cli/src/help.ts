/** The help, made from the tables that also read the flags. */
import type { Command, Family } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { FAMILIES } from "./families.ts";
import { flagsHelp } from "./flags.ts";
import { GLOBAL_FLAGS, TOP_FLAGS } from "./settings.ts";

export function help(): string {
  const rows = COMMANDS.map(({ name, usage, summary }) => `  ${`${name} ${usage}`.padEnd(24)}${summary}`);
  const families = FAMILIES.map(({ name, usage, summary }) => `  ${name} ${usage}\n${" ".repeat(26)}${summary}`);
  return `corral: the command line of Corral

corral COMMAND [flags]
${rows.join("\n")}

Clusters of brokers, and consumer groups:
${families.join("\n")}

corral COMMAND --help tells more of one. For every command:
${flagsHelp(GLOBAL_FLAGS)}

Without one:
${flagsHelp(TOP_FLAGS)}

Data goes to stdout, everything else to stderr. Exit codes: 0 ok, 1 failed, 2 usage, 3 not found,
4 version conflict, 5 not authorised, 6 cannot connect, 7 timed out, 8 session expired.
`;
}

/** `name`: with the word of the family before it. */
export function commandHelp(name: string, { usage, summary, flags }: Command): string {
  const own = Object.keys(flags).length === 0 ? "" : `${flagsHelp(flags)}\n\n`;
  return `corral ${`${name} ${usage}`.trimEnd()}: ${summary}\n\n${own}For every command:\n${flagsHelp(GLOBAL_FLAGS)}\n`;
}

export function familyHelp({ name, summary }: Family, verbs: readonly Command[]): string {
  const rows = verbs.map((verb) => `  corral ${`${name} ${verb.name} ${verb.usage}`.trimEnd()}\n      ${verb.summary}`);
  return `corral ${name}: ${summary}\n\n${rows.join("\n")}\n\ncorral ${name} VERB --help tells more of one.\n`;
}
