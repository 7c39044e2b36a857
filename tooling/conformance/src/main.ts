// `npm run conformance`: starts both servers, runs the campaign, prints what was compared and what it means for the
// exit code: 0 agreed, 1 disagreed or a bound was missed, 2 wrong use, 3 no ZooKeeper here.
import { flagsOf, wholeNumber, wrongUse } from "../../dev/flags.mjs";
import { runBoth, runCampaign, type Failure, type Pair } from "./campaign.ts";
import { showEntry } from "./compare.ts";
import { startCorral } from "./corral-server.ts";
import { corralTarget } from "./corral-target.ts";
import { generateSequence } from "./generator.ts";
import { showStep } from "./operation.ts";
import { lateEvents, lies, lyingTarget } from "./plant.ts";
import { printFailure, printOutcome, type Bounds } from "./report.ts";
import { shrink } from "./shrink.ts";
import { startZooKeeper, zookeeperMissing } from "./zookeeper-process.ts";
import { zookeeperTarget } from "./zookeeper-target.ts";
import type { Target } from "./answer.ts";

const usage = `Usage: npm run conformance -- [flags]
  --sequences N     sequences to run (2000)
  --ops N           operations in each (50)
  --seed N          seed of the first; the others count up (1)
  --parallel N      sequences at once (16)
  --against WHAT    corral; zookeeper, to compare ZooKeeper with itself; or the ws:// address of a corrald that
                    runs already, fresh and with super:secret as a super identity (corral)
  --show            print every step and both transcripts; for a replay: --seed N --sequences 1 --show
  --plant           make the second server lie in each known way and demand to notice
  --allow-missing   without ZooKeeper on this machine, say so and succeed`;

/** Failures that are made smaller before they are printed. */
const shrunkFailures = 3;

const { values } = flagsOf({
  options: {
    sequences: { type: "string", default: "2000" },
    ops: { type: "string", default: "50" },
    seed: { type: "string", default: "1" },
    parallel: { type: "string", default: "16" },
    against: { type: "string", default: "corral" },
    show: { type: "boolean", default: false },
    plant: { type: "boolean", default: false },
    "allow-missing": { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log(usage);
  process.exit(0);
}
const budget = {
  sequences: wholeNumber("sequences", values.sequences, 1),
  ops: wholeNumber("ops", values.ops, 1),
  seed: wholeNumber("seed", values.seed, 1),
  parallel: wholeNumber("parallel", values.parallel, 1),
  stopAfter: 10,
};
if (!values.against.startsWith("ws://") && !["corral", "zookeeper"].includes(values.against))
  wrongUse(`--against is '${values.against}', not corral, zookeeper or an address that begins with ws://`);
const missing = zookeeperMissing();
if (missing !== undefined) {
  console.error(`\nCONFORMANCE NOT RUN: ${missing}\n`);
  process.exit(values["allow-missing"] ? 0 : 3);
}
const targets: Target[] = [];
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => process.exit(signal === "SIGINT" ? 130 : 143));

let failed = true;
try {
  failed = await main();
} catch (error) {
  console.error(error);
} finally {
  for (const target of targets) await target.stop();
}
process.exit(failed ? 1 : 0);

async function main(): Promise<boolean> {
  const zookeeper = zookeeperTarget(await startZooKeeper());
  targets.push(zookeeper);
  if (values.plant) return plant(zookeeper);
  const other = await second();
  const pair = { zookeeper, other };
  console.log(
    `${zookeeper.name} and ${other.name}, ${budget.sequences} sequences of ${budget.ops} operations from seed ${budget.seed}`,
  );
  if (values.show) return show(pair);
  const started = performance.now();
  const outcome = await runCampaign(pair, budget, (done) => {
    if (done % 250 === 0) console.log(`  ${done} sequences, ${Math.round((performance.now() - started) / 1000)} s`);
  });
  for (const failure of outcome.failures.slice(0, shrunkFailures)) await printSmaller(pair, failure);
  for (const failure of outcome.failures.slice(shrunkFailures)) printFailure(failure);
  return !printOutcome(outcome, bounds(), (performance.now() - started) / 1000);
}

async function second(): Promise<Target> {
  if (values.against === "zookeeper") {
    const again = zookeeperTarget(await startZooKeeper());
    targets.push(again);
    return again;
  }
  if (values.against === "corral") {
    const corral = corralTarget(await startCorral());
    targets.push(corral);
    return corral;
  }
  return corralTarget({ url: values.against, stop: async () => {} });
}

/** The smallest sequence found that has the same fault, or the one given when none shows it again. */
async function printSmaller(pair: Pair, failure: Failure): Promise<void> {
  const fault = failure.verdict.disagreements[0]?.kind;
  let found = failure;
  if (fault !== undefined) {
    await shrink(failure.sequence, async (sequence) => {
      const { verdict } = await runBoth(pair, sequence);
      if (!verdict.disagreements.some(({ kind }) => kind === fault)) return false;
      found = { sequence, verdict };
      return true;
    });
  }
  printFailure(found);
}

/** The full budget asks for 200 sequences either way of each operation; a smaller one for its share. */
function bounds(): Bounds {
  return {
    floor: Math.min(200, Math.floor(budget.sequences / 10)),
    maskedShare: 0.01,
    rows: values.against !== "zookeeper" && budget.sequences >= 200,
  };
}

async function show(pair: Pair): Promise<boolean> {
  for (let index = 0; index < budget.sequences; index++) {
    const sequence = generateSequence(budget.seed + index, budget.ops);
    for (const [at, step] of sequence.steps.entries()) console.log(`${String(at).padStart(4)}  ${showStep(step)}`);
    const { verdict, transcripts } = await runBoth(pair, sequence);
    for (const session of sequence.mortal.keys()) {
      for (const [side, transcript] of transcripts.entries()) {
        console.log(`\nsession ${session} on ${side === 0 ? pair.zookeeper.name : pair.other.name}`);
        for (const entry of transcript.streams[session] ?? [])
          console.log(`  ${entry.kind === "event" ? "" : `${entry.step} `}${showEntry(entry)}`);
      }
    }
    if (verdict.disagreements.length + verdict.drift.length > 0) printFailure({ sequence, verdict });
  }
  return false;
}

/** ZooKeeper against itself, once straight and then once for each lie: only the straight one may agree. */
async function plant(zookeeper: Target): Promise<boolean> {
  let missed = 0;
  const small = { ...budget, sequences: Math.min(budget.sequences, 24), stopAfter: 1 };
  const stands: [string, Target, boolean][] = [
    ["no lie", zookeeper, false],
    ...Object.entries(lies).map(([name, lie]): [string, Target, boolean] => [name, lyingTarget(zookeeper, lie), true]),
    ["events come behind the reply", lateEvents(zookeeper), true],
  ];
  for (const [name, other, lying] of stands) {
    const { failures } = await runCampaign({ zookeeper, other }, small, () => {});
    const right = failures.some(({ verdict }) => verdict.disagreements.length > 0) === lying;
    if (!right) missed++;
    console.log(
      `${right ? "ok    " : "MISSED"} ${name}: ${lying ? "noticed" : "agreed"}${right ? "" : " was expected"}`,
    );
  }
  return missed > 0;
}
