/** `npm run demo`: three brokers, a producer, consumers and a fenced sink on one corrald; then what can go wrong, and what came of it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Arguments } from "../bin/arguments.ts";
import { unleash } from "./chaos.ts";
import { play } from "./script.ts";
import { Stage } from "./stage.ts";

const USAGE = `npm run demo [-- options]

  --fast             shorter pauses between the steps
  --seconds N        messages flow for N seconds at least
  --rate N           messages a second; default 400
  --plant loss       the sink confirms one effect that does not happen: the checker must find it
  --plant duplicate  the sink lets one effect happen twice
  --chaos N          instead of the steps: random kills, pauses and restarts for N seconds
  --seed N           of the chaos; default: drawn
  --keep             leaves the folder with data, traces and logs
`;
const CALM_MS = 4_000;
const CALM_FAST_MS = 500;

if (process.argv.includes("--help")) {
  console.log(USAGE);
  process.exit(0);
}
const flags = new Arguments(["seconds", "rate", "plant", "chaos", "seed"], ["fast", "keep"]);
// All of them now: a wrong one is no use to be told of after a minute.
const seconds = flags.whole("seconds", 0);
const rate = flags.whole("rate", 400, 1);
const plant = flags.oneOf("plant", ["loss", "duplicate"]);
const chaos = flags.whole("chaos", 0);
const seed = flags.whole("seed", Date.now() % 1_000_000);
const end = new AbortController();
const folder = mkdtempSync(join(tmpdir(), "corral-demo-"));
let keep = flags.has("keep");

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    // The processes are ended by the last handler of `exit`; see children.ts.
    process.exit(130);
  });
}
process.on("exit", () => {
  if (!keep) rmSync(folder, { recursive: true, force: true });
});

async function run(): Promise<number> {
  const begin = performance.now();
  const stage = await Stage.begin(
    {
      folder,
      rate,
      plant,
      onUnexpected: (name, how) => {
        end.abort(new Error(`${name} has ended by itself: ${how}`));
      },
    },
    end.signal,
  );
  if (chaos > 0) await unleash(stage, { seconds: chaos, seed });
  else await play(stage, { calmMs: flags.has("fast") ? CALM_FAST_MS : CALM_MS });
  await stage.pause(Math.max(0, seconds * 1_000 - (performance.now() - begin)));
  return stage.finish();
}

function verdict(code: number): string {
  if (plant !== undefined) {
    const planted = `--plant ${plant} was to be found, and ${code === 0 ? "was not" : "was"}`;
    return code === 0 ? `the checker is wrong: ${planted}` : `something is wrong: ${planted}`;
  }
  return code === 0 ? "everything acknowledged happened exactly once" : "something is wrong";
}

run().then(
  (code) => {
    console.log(`\n${verdict(code)}`);
    process.exit(code);
  },
  (error: unknown) => {
    keep = true;
    console.error(
      `\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}\nlogs: ${join(folder, "logs")}`,
    );
    process.exit(1);
  },
);
