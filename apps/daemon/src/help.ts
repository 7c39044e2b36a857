/** The texts of `corrald --help`. */
import { flagsHelp } from "./flags.ts";
import { limitsHelp } from "./limits.ts";
import { RESTORE_FLAGS } from "./restore.ts";
import { SERVE_FLAGS } from "./settings.ts";
import { VERIFY_FLAGS } from "./verify.ts";

export const help = (): string => `corrald: the Corral coordinator, on one machine

corrald [flags]            serves until SIGTERM or SIGINT, then drains
${flagsHelp(SERVE_FLAGS)}

corrald restore            makes a new data directory out of a backup
${flagsHelp(RESTORE_FLAGS)}

corrald verify             reads all that is stored; prints zxid and digest
${flagsHelp(VERIFY_FLAGS)}

Exit codes: 0 stopped in order, 1 could not start, 2 usage, 65 stored data damaged or foreign, 70 bug,
74 log failed, 75 data directory in use, 130 and 143 ended by a second signal.
`;

export const helpLimits = (): string =>
  `Limits, with default and range; change one by --limit NAME=VALUE.\n\n${limitsHelp()}\n`;
