/**
 * One seed from beginning to end: a world is put together, lives through chaos, is healed, and has to come to rest; what
 * happened is then judged.
 */
import { type Log, LogError } from "@corral/log";
import { bytesOf, drawFrom, Host, Network, Process, Timeline } from "@corral/testing/world";
import { Actor, type Stage } from "./actor.ts";
import { doSomething } from "./acts/index.ts";
import { Chaos } from "./chaos.ts";
import { judge } from "./check/judge.ts";
import { compareRecoveries } from "./check/recoveries.ts";
import { exceeded, leftBehind, looks, overdue } from "./check/rest.ts";
import { dumpOfServer } from "./check/states.ts";
import { newHistory, type Violation } from "./history.ts";
import { LogWitness, observedLog } from "./observed-log.ts";
import { ROOTS } from "./acts/paths.ts";
import { type Plan, planOf } from "./plan.ts";
import { type Plant, plantedListener, plantedLog } from "./plant.ts";
import { countedTimer, describeFrame, drawMs, fileLimits } from "./surroundings.ts";
import { Trace } from "./trace.ts";

export interface RunOptions {
  /** A bug to be built in, so that it can be seen to be found. */
  readonly plant?: Plant | undefined;
  /** Told of everything that happens. */
  readonly print?: ((line: string) => void) | undefined;
}

export interface RunResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly hash: string;
  readonly figures: Readonly<Record<string, number>>;
}

const URL = "ws://corral.test:2190";
/** Silence of all faults after which everything has to be well. */
const CALM_MS = 60_000;
/** Clients are closed within this. */
const CLOSE_MS = 20_000;
/** Of one phase: more, and something feeds itself. */
const EVENTS_MAX = 1_000_000;
/** Between two looks at a running server's whole state. */
const DUMP_PAUSE_MS = 1_500;

export async function run(seed: number, options: RunOptions = {}): Promise<RunResult> {
  const world = new World(planOf(seed), options);
  try {
    await world.live();
  } catch (error) {
    world.violations.push({ check: "run", what: String((error as Error)?.stack ?? error) });
  } finally {
    world.end();
  }
  return world.result();
}

class World {
  readonly violations: Violation[] = [];
  readonly #unlessForgotten: Violation[] = [];
  readonly #plan: Plan;
  readonly #history = newHistory();
  readonly #trace: Trace;
  readonly #timeline = new Timeline(true, EVENTS_MAX);
  readonly #network: Network;
  readonly #witness: LogWitness;
  readonly #host: Host;
  readonly #fate: Process;
  readonly #actors: { readonly actor: Actor; readonly process: Process; timers: number }[] = [];
  readonly #counts: Record<string, number> = {};
  #event = 0;
  #isRestarting = false;
  #hasForgotten = false;

  constructor(plan: Plan, options: RunOptions) {
    this.#plan = plan;
    this.#trace = new Trace(options.print);
    const { seed, latency, windowBytes, disk, history } = plan;
    this.#network = new Network(this.#timeline, { latencyMs: drawMs(latency, drawFrom(seed, "network")), windowBytes });
    this.#network.observe((frame) => {
      this.#history.frames.push(frame);
      this.#trace.note(this.#timeline.now, `${frame.link.id} ${frame.from}`, frame.bytes, () => describeFrame(frame));
      return undefined;
    });
    this.#witness = new LogWitness(this.#history.entries, this.violations);
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
    for (let i = 1; i <= plan.clients; i++) this.#open(String(i));
    await this.#prepare();
    for (const { actor } of this.#actors) actor.begin(doSomething);
    this.#dumpNowAndThen();
    const chaos = new Chaos({
      plan,
      host: this.#host,
      network: this.#network,
      actors: this.#actors,
      fate: this.#fate,
      note: (what) => {
        this.#count(what);
        this.#note(what);
        if (what === "fault forget-history") this.#hasForgotten = true;
      },
      restart: (how, downMs) => void this.#restart(how, downMs),
    });
    chaos.begin();
    await this.#timeline.advance(plan.chaosMs);
    for (const { actor } of this.#actors) actor.isStopped = true;
    chaos.end();
    this.#note("calm");
    await this.#timeline.advance(CALM_MS);
    await this.#demandRest();
  }

  #open(name: string): void {
    const { seed, sessionTimeoutMs, callTimeoutMs } = this.#plan;
    const process = new Process(`client ${name}`, this.#timeline, drawFrom(seed, `process ${name}`));
    const draw = drawFrom(seed, `client ${name}`);
    const [least, most] = sessionTimeoutMs as [number, number];
    const stage: Stage = {
      plan: this.#plan,
      history: this.#history,
      violations: this.violations,
      unlessForgotten: this.#unlessForgotten,
      nextEvent: () => ++this.#event,
      note: this.#note,
    };
    const entry = { process, timers: 0 };
    const actor = new Actor(name, process, stage, {
      servers: [URL],
      transport: this.#network.transport(process, name),
      clock: {
        monotonicMs: process.monotonicMs,
        wallMs: process.wallMs,
        setTimeout: (call, ms) => countedTimer(entry, process, call, ms),
      },
      random: (bytes) => bytesOf(draw, bytes),
      timeoutMs: callTimeoutMs,
      session: { timeoutMs: Math.round(least + draw() * (most - least)) },
      queue: draw() < 0.2 ? { whileDown: "reject" } : {},
    });
    this.#actors.push(Object.assign(entry, { actor }));
  }

  /** The roots are there before the first fault. */
  async #prepare(): Promise<void> {
    const { client } = this.#actors[0]!.actor;
    const making = client
      .ready({ timeoutMs: CALM_MS })
      .then(() => Promise.all(ROOTS.map((root) => client.create(root, null, { timeoutMs: CALM_MS }))));
    let isMade = false;
    void making.finally(() => (isMade = true)).catch(() => {});
    for (let i = 0; !isMade && i < 100; i++) await this.#timeline.advance(100);
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
    this.#history.dumps.push({ zxid: state.zxid, why, text: dumpOfServer(state) });
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

  /** Everything was answered, everyone is connected; then everybody leaves, and nothing is left behind. */
  async #demandRest(): Promise<void> {
    const fail = (what: string): void => void this.violations.push({ check: "rest", what });
    if (!this.#host.isRunning) return fail("the server does not run");
    for (const { actor } of this.#actors) {
      const now = actor.client.state;
      if (now.name !== "connected")
        fail(`client ${actor.name} is ${now.name}${"cause" in now ? `: ${String(now.cause)}` : ""}`);
      if (actor.pending > 0) fail(`client ${actor.name} waits for ${actor.pending} calls`);
    }
    this.#dump("in the end");
    const { state } = this.#host.server;
    for (const { actor } of this.#actors) actor.checkWaiting((path) => looks(state, path));
    const due = overdue(state);
    if (due !== undefined) fail(due);
    const closing = Promise.all(this.#actors.map(({ actor }) => actor.client.close()));
    let isClosed = false;
    void closing.then(() => (isClosed = true));
    await this.#timeline.advance(CLOSE_MS);
    if (!isClosed) fail("a client does not close");
    for (const what of leftBehind(this.#host.server.figures)) fail(what);
    for (const { actor, timers } of this.#actors)
      if (timers !== 0) fail(`client ${actor.name} has left ${timers} timers`);
    if (this.#network.links.length > 0) fail(`${this.#network.links.length} connections are open`);
    this.#dump("after everybody left");
  }

  end(): void {
    this.#host.crash("process");
    this.#timeline.end();
  }

  result(): RunResult {
    const { entries, frames, calls, followed } = this.#history;
    const checksWatches =
      this.#plan.history === undefined && !this.#hasForgotten && (this.#plan.limits.catchUpEntries ?? 10_000) > 5_000;
    if (checksWatches) this.violations.push(...this.#unlessForgotten);
    try {
      this.violations.push(...judge(this.#history, { checksWatches }));
    } catch (error) {
      this.violations.push({ check: "judge", what: String((error as Error)?.stack ?? error) });
    }
    const figures = {
      ...this.#counts,
      entries: entries.length,
      frames: frames.length,
      calls: calls.length,
      subscriptions: followed.length,
      events: this.#timeline.events,
    };
    return { seed: this.#plan.seed, violations: this.violations, hash: this.#trace.hash, figures };
  }
}
