/**
 * One world: a server and its disk, a network, and casts of programs; it lives through chaos, is healed, and has to come to rest.
 *
 * Owns the order of its phases and the server's lives. Whether what happened was right is judged elsewhere.
 */
import { connect } from "@corral/client";
import { type Log, LogError } from "@corral/log";
import { bytesOf, drawFrom, Host, Network, Process, Timeline } from "@corral/testing/world";
import type { Cast, Stage } from "../cast/cast.ts";
import { castsOf } from "../cast/casts.ts";
import { compareRecoveries } from "../check/recoveries.ts";
import { exceeded, leftBehind, overdue } from "../check/rest.ts";
import { dumpOfServer } from "../check/states.ts";
import { type History, newHistory, type Violation } from "../history.ts";
import { Marks } from "../marks.ts";
import { type Plant, plantedListener, plantedLog } from "../plant.ts";
import { Chaos } from "./chaos.ts";
import { Inhabitants } from "./inhabitants.ts";
import { LogWitness, observedLog } from "./observed-log.ts";
import type { Plan } from "./plan.ts";
import { drawMs, fileLimits } from "./surroundings.ts";
import { type Happening, Trace } from "./trace.ts";

export interface WorldOptions {
  /** A bug to be built in, so that it can be seen to be found. */
  readonly plant?: Plant | undefined;
  /** Told of everything that happens, and how many promises were broken by then. */
  readonly read?: ((happening: Happening, violations: number) => void) | undefined;
}

const URL = "ws://corral.test:2190";
/** Silence of all faults after which everything has to be well; and how long it lasts at least. */
const CALM_MS_MAX = 120_000;
const CALM_MS_MIN = 20_000;
/** Between two questions whether everything has come to rest. */
const CALM_STEP_MS = 5_000;
/** Programs have left within this. */
const LEAVE_MS = 30_000;
/** Of one phase: more, and something feeds itself. */
const EVENTS_MAX = 2_000_000;
/** Between two looks at a running server's whole state. */
const DUMP_PAUSE_MS = 1_500;

export class World {
  readonly violations: Violation[] = [];
  readonly history: History = newHistory();
  readonly casts: readonly Cast[];
  readonly #marks = new Marks();
  readonly #unlessForgotten: Violation[] = [];
  readonly #plan: Plan;
  readonly #trace: Trace;
  readonly #timeline = new Timeline(true, EVENTS_MAX);
  readonly #network: Network;
  readonly #witness: LogWitness;
  readonly #host: Host;
  readonly #inhabitants: Inhabitants;
  /** A process that nothing happens to. */
  readonly #fate: Process;
  readonly #counts: Record<string, number> = {};
  #event = 0;
  #isRestarting = false;
  #hasForgotten = false;

  constructor(plan: Plan, options: WorldOptions) {
    this.#plan = plan;
    const { read } = options;
    this.#trace = new Trace(read && ((happening) => read(happening, this.violations.length)));
    const { seed, latency, windowBytes, disk, history } = plan;
    this.#network = new Network(this.#timeline, { latencyMs: drawMs(latency, drawFrom(seed, "network")), windowBytes });
    this.#network.observe((frame) => {
      this.history.frames.push(frame);
      this.#trace.note(this.#timeline.now, `${frame.link.id} ${frame.from}`, frame);
      return undefined;
    });
    this.#witness = new LogWitness(this.history.entries, this.violations);
    this.#fate = new Process("fate", this.#timeline, () => 0);
    const diskMs = drawMs(disk, drawFrom(seed, "disk"));
    this.#host = new Host(this.#timeline, this.#network, {
      url: URL,
      seed,
      log: "file",
      fileLimits: fileLimits(plan),
      limits: plan.limits,
      options: plan.options,
      ...(history === undefined ? {} : { historyLimits: history }),
      diskMs: (operation, name) => {
        this.#trace.note(this.#timeline.now, `disk ${operation} ${name}`);
        return operation === "read" ? 0 : diskMs();
      },
      wrapLog: (log: Log) => observedLog(plantedLog(log, options.plant), this.#witness),
      wrapListener: (listener) => plantedListener(listener, options.plant),
      fatal: (error) => this.#fatal(error),
    });
    this.#inhabitants = new Inhabitants(plan, URL, this.#timeline, this.#network);
    this.casts = castsOf(plan, this.#stage(options.plant));
  }

  #stage(plant: Plant | undefined): Stage {
    return {
      plan: this.#plan,
      plant,
      history: this.history,
      now: () => this.#timeline.now,
      nextEvent: () => ++this.#event,
      note: this.#note,
      violate: (check, what, unlessForgotten = false) =>
        void (unlessForgotten ? this.#unlessForgotten : this.violations).push({ check, what }),
      sometimes: this.#marks.sometimes,
      mayAct: this.#plan.mayAct,
      state: () => this.#host.server.state,
    };
  }

  get hash(): string {
    return this.#trace.hash;
  }

  get marks(): ReadonlySet<string> {
    return this.#marks.hits;
  }

  /** Does the server's history reach back far enough to tell what was missed? Nothing is demanded of it otherwise. */
  get checksWatches(): boolean {
    const { history, limits } = this.#plan;
    return history === undefined && !this.#hasForgotten && (limits.catchUpEntries ?? 10_000) > 5_000;
  }

  get figures(): Readonly<Record<string, number>> {
    const { entries, frames, calls, followed } = this.history;
    return {
      ...this.#counts,
      entries: entries.length,
      frames: frames.length,
      calls: calls.length,
      subscriptions: followed.length,
      events: this.#timeline.events,
      "virtual ms": Math.round(this.#timeline.now),
    };
  }

  #note = (what: string): void => {
    this.#trace.note(this.#timeline.now, what);
  };

  #count(what: string): void {
    this.#counts[what] = (this.#counts[what] ?? 0) + 1;
  }

  /** The disk or a full one may end the server; nothing else may. */
  #fatal(error: Error): void {
    this.#note(`fatal ${error.message}`);
    this.#count("fatal");
    if (!(error instanceof LogError)) this.violations.push({ check: "fatal", what: String(error.stack) });
    else if (error.code === "NO_SPACE") this.#host.disk.capacity = Number.POSITIVE_INFINITY;
    this.#host.crash("power");
    this.#comeBack(500);
  }

  async live(): Promise<void> {
    const plan = this.#plan;
    if (!(await this.#start())) throw new Error("the server died before anything happened to it");
    await this.#prepare();
    for (const cast of this.casts) for (const program of cast.programs) this.#inhabitants.settle(program);
    this.#dumpNowAndThen();
    const chaos = new Chaos({
      plan,
      host: this.#host,
      network: this.#network,
      inhabitants: this.#inhabitants,
      fate: this.#fate,
      note: (what) => {
        this.#count(what);
        this.#note(what);
        if (what === "fault forget-history") this.#hasForgotten = true;
      },
      sometimes: this.#marks.sometimes,
      restart: (how, downMs) => void this.#restart(how, downMs),
    });
    chaos.begin();
    await this.#timeline.advance(plan.chaosMs);
    chaos.end();
    for (const cast of this.casts) cast.calm();
    this.#note("calm");
    await this.#demandRest();
    this.violations.push(...(this.checksWatches ? this.#unlessForgotten : []));
  }

  /** What the casts need is there before the first fault. */
  async #prepare(): Promise<void> {
    const draw = drawFrom(this.#plan.seed, "preparing");
    const { monotonicMs, wallMs } = this.#fate;
    const making = (async () => {
      const client = await connect({
        servers: [URL],
        transport: this.#network.transport(this.#fate, "fate"),
        clock: { monotonicMs, wallMs, setTimeout: (call, ms) => this.#fate.after(ms, "timer", call) },
        random: (bytes) => bytesOf(draw, bytes),
        timeoutMs: CALM_MS_MAX,
      });
      for (const cast of this.casts) await cast.prepare?.(client);
      await client.close();
    })();
    let isMade = false;
    void making.finally(() => (isMade = true)).catch(() => {});
    for (let waited = 0; !isMade && waited < CALM_MS_MAX; waited += 100) await this.#timeline.advance(100);
    if (!isMade) throw new Error("what the casts need is not made");
    await making;
  }

  /** False if it died on the way. */
  async #start(): Promise<boolean> {
    // As it is left by whatever happened: nobody writes to it now.
    const differ = await compareRecoveries(this.#host.disk, fileLimits(this.#plan), this.#plan.history, this.#note);
    if (differ !== undefined) this.violations.push({ check: "recovery", what: differ });
    let isUp: boolean;
    try {
      isUp = await this.#host.start();
    } catch (error) {
      this.#note(`not started: ${String(error)}`);
      if (!(error instanceof LogError) || (error.code !== "NO_SPACE" && error.code !== "IO_FAILED")) {
        this.violations.push({
          check: "recovery",
          what: `it did not start: ${String((error as Error)?.stack ?? error)}`,
        });
      }
      this.#host.disk.capacity = Number.POSITIVE_INFINITY;
      this.#host.crash("power");
      return false;
    }
    if (!isUp) return false;
    this.#note("started");
    this.#count("starts");
    this.#dump("after a start");
    return true;
  }

  async #restart(how: "power" | "process" | "stop", downMs: number): Promise<void> {
    if (!this.#host.isRunning || this.#isRestarting) return;
    this.#dump(`before a ${how}`);
    this.#isRestarting = true;
    if (how === "stop") await this.#host.stop();
    else this.#host.crash(how);
    this.#isRestarting = false;
    this.#comeBack(downMs);
  }

  #comeBack(downMs: number): void {
    this.#fate.after(downMs, "timer", () => {
      if (this.#host.isRunning || this.#isRestarting) return;
      this.#isRestarting = true;
      void this.#start()
        .catch((error: unknown) => {
          this.violations.push({ check: "recovery", what: String((error as Error)?.stack ?? error) });
          return true;
        })
        .then((isUp) => {
          this.#isRestarting = false;
          if (!isUp) this.#comeBack(500);
        });
    });
  }

  #dump(why: string): void {
    if (!this.#host.isRunning) return;
    const { state } = this.#host.server;
    this.history.dumps.push({ zxid: state.zxid, why, text: dumpOfServer(state) });
  }

  #dumpNowAndThen(): void {
    this.#fate.after(DUMP_PAUSE_MS, "timer", () => {
      this.#dump("while it ran");
      if (this.#host.isRunning)
        for (const what of exceeded(this.#host.server.figures, this.#plan.limits))
          this.violations.push({ check: "bounds", what });
      this.#dumpNowAndThen();
    });
  }

  /** Everything comes to rest, by itself and in time; then everybody leaves, and nothing is left behind. */
  async #demandRest(): Promise<void> {
    const fail = (what: string): void => void this.violations.push({ check: "rest", what });
    let unrest: string | undefined;
    for (
      let waited = 0;
      waited < CALM_MS_MAX && (waited < CALM_MS_MIN || unrest !== undefined);
      waited += CALM_STEP_MS
    ) {
      await this.#timeline.advance(CALM_STEP_MS);
      unrest = this.#unrest();
    }
    if (unrest !== undefined) return fail(unrest);
    this.#dump("in the end");
    for (const cast of this.casts) cast.look?.();
    const leaving = Promise.all(this.casts.map((cast) => cast.leave()));
    let isLeft = false;
    void leaving.then(() => (isLeft = true));
    for (let waited = 0; !isLeft && waited < LEAVE_MS; waited += 1_000) await this.#timeline.advance(1_000);
    if (!isLeft) fail("a program does not leave");
    else await leaving;
    await this.#timeline.advance(1_000);
    for (const what of leftBehind(this.#host.server.figures)) fail(what);
    for (const { name, timers } of this.#inhabitants.all)
      if (timers !== 0) fail(`client ${name} has left ${timers} timers`);
    if (this.#network.links.length > 0) fail(`${this.#network.links.length} connections are open`);
    this.#dump("after everybody left");
  }

  #unrest(): string | undefined {
    if (!this.#host.isRunning) return "the server does not run";
    for (const cast of this.casts) {
      const unrest = cast.unrest();
      if (unrest !== undefined) return `${cast.name}: ${unrest}`;
    }
    return overdue(this.#host.server.state);
  }

  end(): void {
    this.#host.crash("process");
    this.#timeline.end();
  }
}
