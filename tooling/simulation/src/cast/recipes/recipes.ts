/**
 * The cast of those that coordinate by recipes: each seed draws a few recipes, and all programs use these, so that they meet.
 *
 * Owns the programs and when they are at rest. What is promised is judged in check/recipes/, by the book and by the log.
 */
import type { Client } from "@corral/client";
import { NIL, type State } from "@corral/state-machine";
import { between, type Draw, drawFrom } from "@corral/testing/world";
import { checkRuns, statesOfElection } from "../../check/recipes/elections.ts";
import { checkFencing, checkGuarded, checkHolds } from "../../check/recipes/holds.ts";
import { checkJobs } from "../../check/recipes/jobs.ts";
import { checkBarrier, checkLatch, checkRounds } from "../../check/recipes/meetings.ts";
import { checkFollowing, checkSums, checkValues, statesOfValue } from "../../check/recipes/numbers.ts";
import { Tale } from "../../check/recipes/tale.ts";
import { checkViews } from "../../check/recipes/views.ts";
import type { History, Violation } from "../../history.ts";
import type { Cast, Life, Program, Stage } from "../cast.ts";
import { Company, ROOT } from "./company.ts";
import { caches, DIRECTORIES, directories } from "./caches.ts";
import { guardedPath, LOCKS, locks, multiLocks, READ_WRITE, readWriteLocks, SEMAPHORE, semaphores } from "./holding.ts";
import { jobs, QUEUE, WITNESSES } from "./jobs.ts";
import { ELECTION, elections, EVERY_MS, PERIODIC, periodicJobs } from "./leading.ts";
import { markWhatWas } from "./looking-back.ts";
import { barriers, LATCH, LATCH_COUNT, latches, PARTIES, ROUNDS, rounds } from "./meetings.ts";
import { Member, type Use } from "./member.ts";
import { counters, sharedValues, VALUE } from "./numbers.ts";
import { groups, services } from "./membership.ts";

type MakeUse = (member: Member) => Use;

const USES: Readonly<Record<string, MakeUse>> = {
  lock: locks,
  multi: multiLocks,
  rw: readWriteLocks,
  semaphore: semaphores,
  election: elections,
  periodic: periodicJobs,
  queue: jobs,
  counter: counters,
  value: sharedValues,
  barrier: barriers,
  rounds,
  latch: latches,
  cache: caches,
  group: groups,
  services,
  directory: directories,
};

/** Recipes of one world. */
const USES_LEAST = 2;
const USES_MOST = 5;
/** More of the same says no more. */
const VIOLATIONS_MAX = 20;

/** Nothing below these is left by whoever has finished. */
const EMPTY_AT_REST: readonly string[] = [
  ...LOCKS,
  READ_WRITE,
  `${SEMAPHORE}/leases`,
  `${SEMAPHORE}/queue`,
  ELECTION,
  `${PERIODIC}/candidates`,
  `${QUEUE}/line`,
  `${QUEUE}/claims`,
  ...Array.from({ length: 10 }, (_, priority) => `${QUEUE}/items/${priority}`),
  DIRECTORIES,
];

export class Recipes implements Cast {
  readonly name = "recipes";
  readonly programs: readonly Program[];
  readonly #company: Company;
  readonly #uses: ReadonlyMap<string, MakeUse>;
  /** Of each program, the present life's. */
  readonly #living = new Map<string, Member>();

  constructor(stage: Stage) {
    this.#company = new Company(stage);
    const draw = drawFrom(stage.plan.seed, "recipes");
    this.#uses = drawUses(draw);
    this.programs = Array.from({ length: between(draw, 2, 4) }, (_, i) => {
      const name = `r${i + 1}`;
      return { name, begin: (life: Life) => this.#begin(name, life) };
    });
  }

  async prepare(client: Client): Promise<void> {
    await client.create(ROOT);
    await client.create(WITNESSES);
    await client.create(`${ROOT}/guarded`);
  }

  #begin(name: string, life: Life): void {
    const member = new Member(name, life, this.#company);
    this.#living.set(name, member);
    member.begin(this.#uses);
  }

  calm(): void {
    this.#company.calm();
  }

  unrest(): string | undefined {
    for (const member of this.#living.values()) {
      const unrest = member.unrest();
      if (unrest !== undefined) return unrest;
    }
    return leftIn(this.#company.stage.state());
  }

  look(): void {
    for (const member of this.#living.values()) member.look();
  }

  async leave(): Promise<void> {
    await Promise.all(Array.from(this.#living.values(), (member) => member.leave()));
  }

  judge({ entries, frames, sleeps }: History): readonly Violation[] {
    const { book, stage } = this.#company;
    const { faults, clocks } = stage.plan;
    const tale = new Tale(entries, ROOT);
    const { holds, waits, counts, sums, values, views, runs, followings } = book;
    const isLease = !faults.includes("expire");
    // A leader counts by its own clock, and the server tells the times.
    const leastMs = (EVERY_MS * (1 - clocks.apart)) / (1 + clocks.apart) - 1;
    const everyMs = faults.includes("jump-server") ? undefined : leastMs;
    const states = new Map([
      [ELECTION, statesOfElection(ELECTION, tale)],
      [VALUE, statesOfValue(VALUE, tale)],
    ]);
    const wrong = {
      holds: checkHolds(holds, tale, isLease),
      fencing: [
        ...checkFencing(book.attempts, holds, tale),
        ...[...LOCKS, READ_WRITE, SEMAPHORE, ELECTION].flatMap((place) => checkGuarded(guardedPath(place), tale)),
      ],
      queue: checkJobs(QUEUE, WITNESSES, book, tale),
      counter: checkSums(sums, tale),
      value: checkValues(VALUE, values, tale),
      follow: followings.flatMap((one) => checkFollowing(one, states.get(one.path) ?? [])),
      periodic: checkRuns(runs, PERIODIC, everyMs, tale, sleeps),
      barrier: checkBarrier(waits, tale),
      latch: checkLatch(LATCH, LATCH_COUNT, waits, counts, tale),
      rounds: checkRounds(ROUNDS, PARTIES, book.passings, tale),
      views: checkViews(views, tale),
    };
    markWhatWas(book, tale, frames, stage.sometimes);
    return Object.entries(wrong)
      .flatMap(([check, list]) => list.map((what) => ({ check: `recipes: ${check}`, what })))
      .slice(0, VIOLATIONS_MAX);
  }
}

/** A few of them; all programs use the same. */
function drawUses(draw: Draw): ReadonlyMap<string, MakeUse> {
  const left = Object.entries(USES);
  const uses = new Map<string, MakeUse>();
  for (let i = between(draw, USES_LEAST, USES_MOST); i > 0; i--) {
    const [[name, use]] = left.splice(Math.floor(draw() * left.length), 1) as [[string, MakeUse]];
    uses.set(name, use);
  }
  return uses;
}

/** What is there and should not be. */
function leftIn({ tree }: State): string | undefined {
  for (const path of EMPTY_AT_REST) {
    const slot = tree.find(path);
    const child = slot === NIL ? NIL : tree.firstChild(slot);
    if (child !== NIL) return `${tree.path(child)} is left`;
  }
  return undefined;
}
