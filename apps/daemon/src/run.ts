/** One call of corrald, from its arguments to its exit code. */
import { ExitCode } from "./exit-code.ts";
import { help, helpLimits } from "./help.ts";
import { restore } from "./restore.ts";
import { serve } from "./serve.ts";
import { readSettings } from "./settings.ts";
import { UsageError } from "./usage-error.ts";
import { verify } from "./verify.ts";
import { VERSION } from "./version.ts";

export async function run(args: readonly string[], env: NodeJS.ProcessEnv): Promise<ExitCode> {
  try {
    if (args.includes("--help") || args.includes("-h")) {
      process.stdout.write(args.includes("limits") ? helpLimits() : help());
      return ExitCode.ok;
    }
    if (args.includes("--version")) {
      console.log(VERSION);
      return ExitCode.ok;
    }
    const [command, ...rest] = args;
    if (command === "restore") return await restore(rest);
    if (command === "verify") return await verify(rest);
    return await serve(readSettings(args, env));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`corrald: ${error.message}\nTry corrald --help.`);
    return ExitCode.usage;
  }
}
