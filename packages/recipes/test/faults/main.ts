/**
 * The command `npm run recipes:faults`: prints the table, row by row, then what failed and how to see it alone.
 *
 * `--only TEXT` some of it: a part of a scenario's name, and after a bar each a fault and a step: `lock: with|drop reply|3`.
 * `--plant` recipes with one mistake each instead; then it passes when each is found under the faults that it must be found under.
 */
import { flagsOf } from "../../../../tooling/dev/flags.mjs";
import { FAULTS } from "./faults.ts";
import { foundIn, planted } from "./planted.ts";
import { allScenarios, NONE, select, type Selection } from "./selection.ts";
import { report, type Row, rowOf, type Verdict } from "./table.ts";

/** Failures told in full. */
const REPORTS_MAX = 20;
/** Least width of a column. */
const CELL_WIDTH = 9;
/** What `act` came to; nothing is said of `ok`. */
const LETTERS: readonly (readonly [came: string, letter: string])[] = [
  ["SESSION_EXPIRED", "x"],
  ["OUTCOME_UNKNOWN", "u"],
  ["ABORTED", "a"],
  ["TIMEOUT", "t"],
  ["hang", "H"],
  ["raw", "R"],
];
const OTHER = "o";
const LEGEND = `passed/struck at one step each; act came to ${LETTERS.map(([came, letter]) => `${letter} ${came}`).join(", ")}, ${OTHER} another error, otherwise ok; -n: n steps not reached`;

const { values } = flagsOf({ options: { only: { type: "string" }, plant: { type: "boolean" } } });
try {
  process.exitCode = await (values.plant === true ? plants(values.only) : table(values.only));
} catch (error) {
  if (!(error instanceof RangeError)) throw error;
  print(error.message);
  process.exitCode = 2;
}

async function table(only: string | undefined): Promise<number> {
  const selection = select(await allScenarios(), only);
  const verdicts = (await rows(selection)).flatMap(({ baseline, cells }) => [baseline, ...cells.values()].flat());
  const failed = verdicts.filter(({ failures }) => failures.length > 0);
  for (const verdict of failed.slice(0, REPORTS_MAX)) print(`\n${report(verdict)}`);
  if (failed.length > REPORTS_MAX) print(`\nand ${failed.length - REPORTS_MAX} more failures`);
  const passed = verdicts.filter(hasPassed).length;
  print(`\nrecipes:faults: ${passed} passed, ${failed.length} failed`);
  return failed.length > 0 || passed === 0 ? 1 : 0;
}

async function plants(only: string | undefined): Promise<number> {
  const { scenarios, step } = select(
    planted.map(({ scenario }) => scenario),
    only,
  );
  const wanted = planted.filter(({ scenario }) => scenarios.includes(scenario));
  const found = await rows({ scenarios: wanted.map(({ scenario }) => scenario), faults: FAULTS, step });
  let missed = 0;
  for (const [i, { scenario, foundBy }] of wanted.entries()) {
    const [by, must] = [foundIn(found[i]!).join(", "), foundBy.join(", ")];
    if (by === must) continue;
    missed++;
    print(`\n${scenario.name}\n  is found under     ${by}\n  must be found under ${must}`);
  }
  print(`\nrecipes:faults: ${wanted.length - missed} passed, ${missed} failed`);
  return missed > 0 || wanted.length === 0 ? 1 : 0;
}

async function rows({ scenarios, faults, step }: Selection): Promise<Row[]> {
  const widths = faults.map(({ name }) => Math.max(CELL_WIDTH, ...name.split(" ").map((word) => word.length)));
  const words = faults.map(({ name }) => name.split(" "));
  print(LEGEND);
  for (const line of [0, 1])
    print(`  ${words.map((parts, i) => (parts[line] ?? "").padEnd(widths[i]!)).join(" ")}`.trimEnd());
  const made: Row[] = [];
  for (const scenario of scenarios) {
    const row = await rowOf(scenario, faults, step);
    made.push(row);
    print(row.baseline.failures.length > 0 ? `${scenario.name}: fails without any fault` : scenario.name);
    const cells = [...row.cells.values()].map((verdicts, i) => cell(verdicts).padEnd(widths[i]!));
    if (cells.length > 0) print(`  ${cells.join(" ")}`.trimEnd());
  }
  return made;
}

/** `5/6!3x-1`: of six steps that were struck five passed, three times the session had expired, and a seventh was not reached. */
function cell(verdicts: readonly Verdict[]): string {
  const struck = verdicts.filter(({ struck: request }) => request !== undefined);
  const passed = struck.filter(({ failures }) => failures.length === 0).length;
  const counts = new Map<string, number>();
  for (const { came } of struck) {
    if (came === "ok") continue;
    const letter = LETTERS.find(([name]) => name === came)?.[1] ?? OTHER;
    counts.set(letter, (counts.get(letter) ?? 0) + 1);
  }
  const came = [...counts].map(([letter, count]) => `${count}${letter}`).join("");
  const missed = verdicts.length - struck.length;
  return `${passed}/${struck.length}${passed < struck.length ? "!" : ""}${came === "" ? "" : ` ${came}`}${missed === 0 ? "" : ` -${missed}`}`;
}

/** A step that was not reached says nothing. */
function hasPassed({ fault, struck, failures }: Verdict): boolean {
  return failures.length === 0 && (fault === NONE || struck !== undefined);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
