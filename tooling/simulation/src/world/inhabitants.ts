/** The programs of all casts in their processes: they begin, are killed, and begin again. */
import type { LogRecord, OpenOptions } from "@corral/client";
import { between, bytesOf, drawFrom, type Network, Process, type Timeline } from "@corral/testing/world";
import type { Program } from "../cast/cast.ts";
import { type Plan, rateWithin } from "./plan.ts";
import { countedTimer } from "./surroundings.ts";

export class Inhabitants {
  readonly all: Inhabitant[] = [];
  readonly #plan: Plan;
  readonly #url: string;
  readonly #timeline: Timeline;
  readonly #network: Network;
  readonly #told: (client: string, rate: number, record: LogRecord) => void;

  /** `told`: what clients say of themselves. */
  constructor(
    plan: Plan,
    url: string,
    timeline: Timeline,
    network: Network,
    told: (client: string, rate: number, record: LogRecord) => void,
  ) {
    this.#told = told;
    this.#plan = plan;
    this.#url = url;
    this.#timeline = timeline;
    this.#network = network;
  }

  /** It lives from now on. */
  settle(program: Program): void {
    const inhabitant = new Inhabitant(program);
    this.all.push(inhabitant);
    this.#begin(inhabitant);
  }

  /** Its process is dead, at once; after so long, by the time of `fate`, it begins another life. */
  kill(inhabitant: Inhabitant, downMs: number, fate: Process): void {
    const { process } = inhabitant;
    process.die();
    this.#network.clientDied(inhabitant.name);
    fate.after(downMs, "timer", () => {
      // Killed twice, it is brought back once.
      if (inhabitant.process === process) this.#begin(inhabitant);
    });
  }

  #begin(inhabitant: Inhabitant): void {
    const number = ++inhabitant.lives;
    const name = number === 1 ? inhabitant.name : `${inhabitant.name}'${number}`;
    const { seed, clocks } = this.#plan;
    const process = new Process(`client ${name}`, this.#timeline, drawFrom(seed, `process ${name}`), {
      // Of its machine, which is the same in every life.
      rate: rateWithin(clocks.apart, drawFrom(seed, `clock ${inhabitant.name}`)),
      wallOffsetMs: number === 1 ? 0 : inhabitant.process.wallOffsetMs,
    });
    const timers = { timers: 0 };
    inhabitant.present = { process, timers };
    const options = this.#options(inhabitant.name, name, process, timers);
    const stall = (ms: number): void => process.stall(ms);
    const draw = drawFrom(this.#plan.seed, `life ${name}`);
    inhabitant.program.begin({ name, number, process, stall, options, draw });
  }

  /** Has it a client that is open? Each has timers. */
  isActive(client: string): boolean {
    return this.all.some(({ name, timers, process }) => name === client && timers > 0 && !process.isDead);
  }

  /** Does it stand still, or has it slept? */
  isLost(client: string): boolean {
    return this.all.some(({ name, process }) => name === client && (process.isStalled || process.hasSlept));
  }

  #options(name: string, life: string, process: Process, timers: { timers: number }): OpenOptions {
    const { seed, sessionTimeoutMs, callTimeoutMs, queue } = this.#plan;
    const draw = drawFrom(seed, `client ${life}`);
    const [least, most] = sessionTimeoutMs as [number, number];
    return {
      servers: [this.#url],
      transport: this.#network.transport(process, name),
      clock: {
        monotonicMs: process.monotonicMs,
        wallMs: process.wallMs,
        setTimeout: (call, ms) => countedTimer(timers, process, call, ms),
      },
      random: (bytes) => bytesOf(draw, bytes),
      timeoutMs: callTimeoutMs,
      session: { timeoutMs: between(draw, Math.min(least, most), Math.max(least, most)) },
      queue: draw() < 0.2 ? { ...queue, whileDown: "reject" } : queue,
      log: (record) => this.#told(name, process.rate, record),
    };
  }
}

export class Inhabitant {
  readonly program: Program;
  /** Its process now, or the dead one between two lives; and the timers of that. */
  present: { readonly process: Process; readonly timers: { timers: number } } | undefined;
  lives = 0;

  constructor(program: Program) {
    this.program = program;
  }

  get name(): string {
    return this.program.name;
  }

  get process(): Process {
    return this.present!.process;
  }

  /** Those of its present life that are not over. */
  get timers(): number {
    return this.present!.timers.timers;
  }
}
