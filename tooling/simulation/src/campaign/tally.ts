/** What a campaign comes to: sums, marks, failures; as lines for people and as data for a file. */
import { MARKS } from "../marks.ts";
import type { Answer } from "./perform.ts";

/** A campaign of so many seeds should hit every mark. */
export const MARKS_SEEDS_MIN = 500;

const MS_PER_HOUR = 3_600_000;
const FAULT = "fault ";
/** What the server did when a fault of this kind struck. */
const WHILE = / while (\w+)$/;
/** Figures that have a place of their own. */
const PLACED: ReadonlySet<string> = new Set(["virtual ms", "starts", "calls", "entries", "frames", "events"]);

export interface Report {
  readonly seeds: number;
  readonly failures: readonly { readonly replay: string; readonly check: string; readonly what: string }[];
  readonly threads: number;
  readonly realMs: number;
  readonly virtualHours: number;
  readonly calls: number;
  readonly entries: number;
  readonly frames: number;
  readonly events: number;
  readonly restarts: number;
  readonly faults: Readonly<Record<string, number>>;
  /** Faults by what was under way when they struck. */
  readonly during: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly others: Readonly<Record<string, number>>;
  /** In how many seeds each was hit. */
  readonly marks: Readonly<Record<string, number>>;
  readonly neverHit: readonly string[];
}

export class Tally {
  readonly #marks: ReadonlySet<string>;
  readonly #hits = new Map<string, number>();
  readonly #sums = new Map<string, number>();
  readonly #failures: Report["failures"][number][] = [];
  #seeds = 0;

  constructor(marks: ReadonlySet<string> = MARKS) {
    this.#marks = marks;
  }

  add({ figures, marks }: Pick<Answer, "figures" | "marks">): void {
    this.#seeds++;
    for (const [name, value] of Object.entries(figures)) this.#sums.set(name, (this.#sums.get(name) ?? 0) + value);
    for (const mark of new Set(marks)) this.#hits.set(mark, (this.#hits.get(mark) ?? 0) + 1);
  }

  fail(replay: string, check: string, what: string): void {
    this.#failures.push({ replay, check, what });
  }

  report(threads: number, realMs: number): Report {
    const sum = (name: string): number => this.#sums.get(name) ?? 0;
    const some = (is: (name: string) => boolean): [string, number][] =>
      [...this.#sums].filter(([name]) => is(name)).toSorted(([a], [b]) => (a < b ? -1 : 1));
    const marks = [...this.#marks].toSorted();
    return {
      seeds: this.#seeds,
      failures: this.#failures,
      threads,
      realMs: Math.round(realMs),
      virtualHours: sum("virtual ms") / MS_PER_HOUR,
      calls: sum("calls"),
      entries: sum("entries"),
      frames: sum("frames"),
      events: sum("events"),
      restarts: Math.max(0, sum("starts") - this.#seeds),
      faults: Object.fromEntries(
        some((name) => name.startsWith(FAULT)).map(([name, count]) => [name.slice(FAULT.length), count]),
      ),
      during: byPhase(some((name) => WHILE.test(name))),
      others: Object.fromEntries(some((name) => !name.startsWith(FAULT) && !PLACED.has(name) && !WHILE.test(name))),
      marks: Object.fromEntries(marks.map((mark) => [mark, this.#hits.get(mark) ?? 0])),
      neverHit: marks.filter((mark) => !this.#hits.has(mark)),
    };
  }
}

function byPhase(figures: readonly (readonly [string, number])[]): Record<string, Record<string, number>> {
  const phases: Record<string, Record<string, number>> = {};
  for (const [name, count] of figures) {
    const [end, phase] = WHILE.exec(name)!;
    (phases[phase!] ??= {})[name.slice(0, -end.length)] = count;
  }
  return phases;
}

const total = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);
const amount = (value: number): string => Math.round(value).toLocaleString("en-US");
const pairs = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${amount(count)}`)
    .join(", ");

export function linesOf(report: Report): string[] {
  const { seeds, threads, realMs, virtualHours, calls, entries, frames, events, restarts } = report;
  const each = seeds === 0 ? 0 : (realMs * threads) / seeds;
  const during = Object.entries(report.during).map(([phase, counts]) => [phase, total(counts)] as const);
  return [
    "",
    `${amount(seeds)} seeds in ${(realMs / 1_000).toFixed(1)} s on ${threads} threads, ${amount(each)} ms each; ${virtualHours.toFixed(1)} virtual hours`,
    `calls ${amount(calls)}, entries ${amount(entries)}, frames ${amount(frames)}, events ${amount(events)}, restarts ${amount(restarts)}`,
    `others: ${pairs(report.others)}`,
    `faults ${amount(total(report.faults))} (${pairs(Object.fromEntries(during))}): ${pairs(report.faults)}`,
  ];
}

/** Which marks were hit in how many seeds; then those that never were. */
export function linesOfMarks({ marks, neverHit, seeds }: Report): string[] {
  const all = Object.entries(marks);
  const hit = all.filter(([, count]) => count > 0);
  const warning = seeds < MARKS_SEEDS_MIN ? "" : "warning: ";
  return [
    `marks hit ${hit.length} of ${all.length}, each in so many seeds:`,
    ...hit.map(([mark, count]) => `${amount(count).padStart(COUNT_WIDTH)}  ${mark}`),
    ...(neverHit.length === 0 ? [] : [`${warning}${neverHit.length} marks never hit in ${amount(seeds)} seeds:`]),
    ...neverHit.map((mark) => `${"-".padStart(COUNT_WIDTH)}  ${mark}`),
  ];
}
const COUNT_WIDTH = 8;
