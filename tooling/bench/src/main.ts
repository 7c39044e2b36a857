/**
 * `npm run bench`: corrald, ZooKeeper and etcd side by side on this machine, and the page that says what came of it.
 * Exit code: 0 all was measured, 1 something failed, 2 wrong use or a system that was required is missing.
 */
import { readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Arguments, USAGE, UsageError, parseArguments } from "./arguments.ts";
import { PARTS } from "./run/scale.ts";
import { type Results, SYSTEM_NAMES } from "./report/results.ts";
import { readResults } from "./report/read.ts";
import { summary } from "./report/summary.ts";
import { writePage } from "./report/write.ts";
import { MissingSystem, campaign } from "./run/campaign.ts";
import { SYSTEMS } from "./systems/all.ts";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");
const PAGE = "docs/benchmarks.md";

// By `exit`, every child is killed and every directory removed.
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  process.once(signal, () => process.exit(code));
}

try {
  const args = parseArguments(process.argv.slice(2));
  if (args.help) console.log(USAGE);
  else if (args.report !== undefined) again(args, resolve(root, args.report));
  else await measure(args);
} catch (error) {
  if (!(error instanceof UsageError || error instanceof MissingSystem)) throw error;
  console.error(`npm run bench: ${error.message}`);
  process.exitCode = 2;
}

async function measure(args: Arguments): Promise<void> {
  const command = ["npm run bench", ...process.argv.slice(2)].join(" ").replace("bench -", "bench -- -");
  const all = SYSTEM_NAMES.map((name) => SYSTEMS[name]);
  const results = await campaign(args, all, root, command);
  console.log(`\n${summary(results)}`);
  const isWhole = args.only.length === PARTS.length && args.systems.length === SYSTEM_NAMES.length && !args.quick;
  if (args.out !== undefined || isWhole) written(results, resolve(root, args.out ?? PAGE));
  else console.log("no page is written of a part of a run; --out FILE.md writes one");
  if (results.failures.length > 0) process.exitCode = 1;
}

function again(args: Arguments, file: string): void {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`--report ${file} cannot be read: ${(error as NodeJS.ErrnoException).code}`);
  }
  const results = readResults(text);
  if (results === undefined) throw new UsageError(`--report ${file}: no results of this version of the bench`);
  written(results, args.out === undefined ? file.replace(/(\.json)?$/, ".md") : resolve(root, args.out));
}

function written(results: Results, page: string): void {
  for (const file of writePage(results, page))
    console.log(`written: ${file.startsWith(`${root}/`) ? relative(root, file) : file}`);
}
