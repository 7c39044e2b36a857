/**
 * One life of a program that uses recipes: it does with each of them what its draws say, one thing after the other, and finishes
 * with each when the world is calm.
 *
 * Owns the client and the order of its steps. What a step does is the recipe's, in a file of its own.
 */
import { type Client, type ErrorName, isCorralError, open } from "@corral/client";
import type { Asked } from "../../check/recipes/book.ts";
import { SERVER_BOUNDS } from "@corral/server";
import { type Draw, drawFrom, type Process } from "@corral/testing/world";
import type { Life } from "../cast.ts";
import type { Company } from "./company.ts";

/** What one life does with one recipe. */
export interface Use {
  /** One thing, by these draws. */
  step(draw: Draw): Promise<void>;
  /** In the calm: must come to an end by itself. Called again if it fails by what may happen. */
  finish(): Promise<void>;
  /** Everything is at rest: what it knows is what there is. */
  look?(): void;
  /** Takes its part in it away: then nothing of it is left. */
  leave?(): Promise<void>;
}

/** How anything may end by what happens to it; anything else is wrong. */
const EXPECTED = [
  "SESSION_EXPIRED",
  "OUTCOME_UNKNOWN",
  "GUARD_FAILED",
  "SUSPENDED",
  "ABORTED",
  "TIMEOUT",
  "OVERLOADED",
  "LIMIT_EXCEEDED",
  "DRAINING",
  "CLOSED",
] as const;

/** Of one recipe in one life. */
const STEPS_MAX = 30;
/** As long as the calm lasts at most: the server may come back late in it, and fails each try at once until then. */
const FINISH_TRIES_MAX = 240;
const FINISH_PAUSE_MS = 500;
/** Until everything that was taken away has gone. */
const LEAVE_LOOKS_MAX = 6;
/** Of the server's clock: what clients promise. */
const RATE_LEAST = 0.99;
/** Sums of fractions of a millisecond differ by less. */
const ROUNDING_MS = 0.01;

export class Member {
  readonly name: string;
  /** Of the program, in all its lives. */
  readonly program: string;
  readonly client: Client;
  readonly process: Process;
  readonly company: Company;
  /** It stands still for so long, milliseconds, from its next wait on. */
  readonly stall: (ms: number) => void;
  readonly #uses = new Map<string, Use>();
  /** Recipes with which it is not finished. */
  readonly #going = new Set<string>();
  readonly #mayJump: boolean;
  readonly #isInTime: boolean;
  readonly #lag: () => number;

  constructor(program: string, { name, process, options, stall }: Life, company: Company) {
    this.name = name;
    this.stall = stall;
    this.program = program;
    this.process = process;
    this.company = company;
    this.client = open(options);
    const { stage } = company;
    this.#mayJump = stage.plan.faults.includes("jump-client");
    const lag = (): number => stage.now() - process.monotonicMs() / process.rate;
    const before = lag();
    this.#lag = () => lag() - before;
    // A session is over here before it is at the server, unless that one's clock is faster than clients allow for.
    this.#isInTime = process.rate >= RATE_LEAST * stage.plan.clocks.serverRate;
    this.client.on("state", (state) => stage.note(`client ${name} is ${state.name}`));
  }

  /** For so long its monotonic clock has not counted. */
  sleptMs(): number {
    const lag = this.#lag();
    return lag > ROUNDING_MS ? lag : 0;
  }

  /** Not when one clock stood still and the other was set, nor by clocks that are too slow. */
  get canKnowTime(): boolean {
    return this.#isInTime && (!this.#mayJump || this.sleptMs() === 0);
  }

  begin(uses: ReadonlyMap<string, (member: Member) => Use>): void {
    for (const [name, make] of uses) {
      const use = make(this);
      this.#uses.set(name, use);
      this.#going.add(name);
      void this.#go(name, use);
    }
  }

  async #go(name: string, use: Use): Promise<void> {
    const { company } = this;
    const { plan, mayAct } = company.stage;
    for (let n = 1; n <= STEPS_MAX && !company.isCalm; n++) {
      const step = `${this.name} ${name} ${n}`;
      const draw = drawFrom(plan.seed, step);
      await this.pause(1 + draw() * (plan.thinkMs + PAUSE_MS));
      if (company.isCalm) break;
      if (!mayAct(step)) continue;
      company.look();
      await this.#attempt(step, () => use.step(draw));
    }
    await this.#calmed();
    for (let tries = 1; tries <= FINISH_TRIES_MAX; tries++) {
      const came = await this.#attempt(`${this.name} ${name} finish`, () => use.finish());
      if (came === "done" || came === "no room") {
        this.#going.delete(name);
        return;
      }
      await this.pause(FINISH_PAUSE_MS);
    }
  }

  #calmed(): Promise<void> {
    return new Promise((resolve) => {
      this.company.whenCalm(() => this.process.after(1, "timer", resolve));
    });
  }

  /** `no room`: the server lets nobody have as much as that. */
  async #attempt(what: string, run: () => Promise<void>): Promise<"done" | "failed" | "no room"> {
    try {
      await run();
      this.company.stage.note(`${what} ok`);
      return "done";
    } catch (error) {
      if (isCorralError(error, ...EXPECTED)) this.company.stage.note(`${what} ${error.code}`);
      else this.violate(`${what} failed with ${String((error as Error)?.stack ?? error)}`);
      const isFull = isCorralError(error, "LIMIT_EXCEEDED") && (error.limitName ?? "") in SERVER_BOUNDS;
      return isFull ? "no room" : "failed";
    }
  }

  violate(what: string): void {
    this.company.stage.violate("recipes", what);
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.process.after(ms, "timer", resolve));
  }

  /** Notes a call from its beginning to its end. */
  async ask<A, T>(list: Asked<A, T>[], path: string, asked: A, run: () => Promise<T>): Promise<T> {
    const { company } = this;
    const call: Asked<A, T> = {
      who: this.name,
      path,
      asked,
      startAt: company.at,
      endAt: Number.POSITIVE_INFINITY,
      told: undefined,
      outcome: "pending",
    };
    list.push(call);
    try {
      const told = await run();
      [call.endAt, call.told, call.outcome] = [company.at, told, "ok"];
      return told;
    } catch (error) {
      if (isCorralError(error)) call.outcome = error.outcome;
      // What is not known may still be done.
      if (call.outcome === "no") call.endAt = company.at;
      throw error;
    }
  }

  /** What keeps it from being at rest. */
  unrest(): string | undefined {
    if (this.process.isDead) return `${this.name} is dead`;
    if (this.#going.size > 0) return `${this.name} is not finished with ${[...this.#going].join(", ")}`;
    const { state } = this.client;
    return state.name === "connected" ? undefined : `${this.name} is ${state.name}`;
  }

  look(): void {
    for (const use of this.#uses.values()) use.look?.();
  }

  /** Everything of it goes, and nothing may be left when it has. */
  async leave(): Promise<void> {
    for (const use of this.#uses.values()) await use.leave?.();
    let left: string | undefined;
    for (let looks = 0; looks < LEAVE_LOOKS_MAX; looks++) {
      await this.pause(FINISH_PAUSE_MS);
      left = await this.#left();
      if (left === undefined) break;
    }
    if (left !== undefined) this.violate(`${this.name} has left, and ${left} of it are there`);
    await this.client.close();
  }

  async #left(): Promise<string | undefined> {
    const ephemerals = await this.client.ephemerals();
    // A heartbeat may be under way.
    const { watches, subscriptions, queued } = this.client.stats();
    const left = { watches, subscriptions, queued, ephemerals: ephemerals.length };
    const isNothing = Object.values(left).every((count) => count === 0);
    return isNothing ? undefined : `${JSON.stringify(left)} ${ephemerals.join()}`;
  }
}

/** Longer than an actor thinks: a step of a recipe is many calls. */
const PAUSE_MS = 200;

/** Undefined if it is refused for one of these. */
export async function allowed<T>(doing: Promise<T>, ...codes: readonly ErrorName[]): Promise<T | undefined> {
  try {
    return await doing;
  } catch (error) {
    if (isCorralError(error, ...codes)) return undefined;
    throw error;
  }
}
