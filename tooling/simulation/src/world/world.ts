/**
 * One world: a server and its disk, a network, and casts of programs; it lives through chaos, is healed, and has to come to rest.
 *
 * Owns the order of its phases and the server's lives. Whether what happened was right is judged elsewhere.
 */
import { connect } from "@corral/client";
import { bytesOf, drawFrom, Network, Process, Timeline } from "@corral/testing/world";
import type { Cast, Stage } from "../cast/cast.ts";
import { castsOf } from "../cast/casts.ts";
import { leftBehind, overdue } from "../check/rest.ts";
import { type History, newHistory, type Violation } from "../history.ts";
import { Marks } from "../marks.ts";
import type { Plant } from "../plant.ts";
import { Chaos } from "./chaos.ts";
import { Inhabitants } from "./inhabitants.ts";
import { ObservedMarks } from "./observed-marks.ts";
import { ObservedSessions } from "./observed-sessions.ts";
import type { Plan } from "./plan.ts";
import { leftOnDisk, resourcesExceeded } from "./resources.ts";
import { ServerLives } from "./server-lives.ts";
import { drawMs } from "./surroundings.ts";
import { installTraps } from "./traps.ts";
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
/** A snapshot that is asked for at rest is written within this. */
const SNAPSHOT_MS = 20_000;
/** Programs have left within this. */
const LEAVE_MS = 30_000;
/** Of one phase: more, and something feeds itself. */
const EVENTS_MAX = 2_000_000;
/** Between two looks at a running server. */
const LOOK_PAUSE_MS = 1_500;

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
  readonly #sessions: ObservedSessions;
  readonly #server: ServerLives;
  readonly #observed: ObservedMarks;
  readonly #inhabitants: Inhabitants;
  /** A process that nothing happens to. */
  readonly #fate: Process;
  readonly #counts: Record<string, number> = {};
  #event = 0;
  readonly #removeTraps: () => void;
  #hasForgotten = false;

  constructor(plan: Plan, options: WorldOptions) {
    this.#plan = plan;
    this.#removeTraps = installTraps((what) => void this.violations.push({ check: "determinism", what }));
    const { read } = options;
    this.#trace = new Trace(read && ((happening) => read(happening, this.violations.length)));
    const { seed, latency, windowBytes } = plan;
    this.#network = new Network(this.#timeline, { latencyMs: drawMs(latency, drawFrom(seed, "network")), windowBytes });
    this.#fate = new Process("fate", this.#timeline, () => 0);
    this.#sessions = new ObservedSessions(this.history.sessionFacts, {
      serverMs: () => this.#server.host.process.monotonicMs(),
      serverRate: plan.clocks.serverRate,
      isActive: (client) => this.#inhabitants.isActive(client),
      isLost: (client) => this.#inhabitants.isLost(client),
    });
    this.#observed = new ObservedMarks(this.#marks.sometimes);
    this.#network.observe((frame) => {
      this.history.frames.push(frame);
      this.#trace.note(this.#timeline.now, `${frame.link.id} ${frame.from}`, frame);
      this.#observed.frame(frame);
      return undefined;
    });
    this.#server = new ServerLives(this.#timeline, {
      plan,
      plant: options.plant,
      url: URL,
      network: this.#network,
      fate: this.#fate,
      history: this.history,
      violations: this.violations,
      sessions: this.#sessions,
      note: this.#note,
      count: (what) => this.#count(what),
      warned: (warning) => this.#observed.warned(warning),
      snapshotFailed: (error) => this.#observed.snapshotFailed(error),
      started: () => this.#observed.started(),
      diskDone: (operation, name) => this.#observed.diskDone(operation, name),
      sometimes: this.#marks.sometimes,
    });
    this.#inhabitants = new Inhabitants(plan, URL, this.#timeline, this.#network, (client, rate, record) => {
      this.#sessions.told(client, rate, record);
      this.#observed.told(record);
    });
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
      state: () => this.#server.host.server.state,
      checkpoint: () => this.#server.host.server.checkpoint(),
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

  async live(): Promise<void> {
    const plan = this.#plan;
    if (!(await this.#server.start())) throw new Error("the server died before anything happened to it");
    await this.#prepare();
    for (const cast of this.casts) for (const program of cast.programs) this.#inhabitants.settle(program);
    this.#lookNowAndThen();
    const chaos = this.#chaos();
    chaos.begin();
    // A verdict of the disk's ends the run where it is.
    await Promise.race([this.#timeline.advance(plan.chaosMs), this.#server.over]);
    if (this.#server.isOver) return this.#timeline.end();
    chaos.end();
    for (const cast of this.casts) cast.calm();
    this.#note("calm");
    await Promise.race([this.#demandRest(), this.#server.over]);
    if (this.#server.isOver) return this.#timeline.end();
    this.violations.push(...(this.checksWatches ? this.#unlessForgotten : []));
  }

  #chaos(): Chaos {
    const { host, liar, rotten } = this.#server;
    return new Chaos(
      {
        plan: this.#plan,
        host,
        network: this.#network,
        inhabitants: this.#inhabitants,
        fate: this.#fate,
        sessions: this.#sessions,
        sometimes: this.#marks.sometimes,
        restart: (how, downMs) => void this.#server.restart(how, downMs),
        sleepServer: (ms) => this.#server.sleep(ms),
        slowDisk: (moreMs) => this.#server.slowDisk(moreMs),
        rotten,
        liar,
      },
      (kind) => {
        this.#count(`fault ${kind}`);
        this.#note(`fault ${kind}`);
        this.#server.struck(kind);
        const { phase, livingSessions } = this.#server;
        this.#observed.struck(kind, phase, this.#sessions.isRunningOut(livingSessions));
        this.#count(`${kind} while ${phase}`);
        if (kind === "forget-history") this.#hasForgotten = true;
      },
    );
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

  #lookNowAndThen(): void {
    this.#fate.after(LOOK_PAUSE_MS, "timer", () => {
      this.#server.dump("while it ran");
      this.#look();
      this.#lookNowAndThen();
    });
  }

  /** At what may be held, and for how long. */
  #look(): void {
    const { host, livingSessions } = this.#server;
    if (!host.isRunning) return;
    this.#sessions.look("look", livingSessions);
    this.#observed.figures(host.server.counters, host.server.figures);
    const found = resourcesExceeded(this.#plan, host, this.#network, this.#inhabitants);
    for (const what of found) this.violations.push({ check: "bounds", what });
  }

  /** Everything comes to rest, by itself and in time; then everybody leaves, and nothing is left behind. */
  async #demandRest(): Promise<void> {
    const fail = (what: string): void => {
      // A disk's verdict may have ended the world meanwhile: nothing is demanded of it any more.
      if (!this.#server.isOver) this.violations.push({ check: "rest", what });
    };
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
    this.#server.dump("in the end");
    this.#look();
    this.#sessions.rest(this.#server.livingSessions);
    for (const cast of this.casts) cast.look?.();
    const leaving = Promise.all(this.casts.map((cast) => cast.leave()));
    let isLeft = false;
    void leaving.then(() => (isLeft = true));
    for (let waited = 0; !isLeft && waited < LEAVE_MS; waited += 1_000) await this.#timeline.advance(1_000);
    if (!isLeft) fail("a program does not leave");
    else await leaving;
    await this.#timeline.advance(1_000);
    // What a crash has brought back goes with the next snapshot.
    if (!(await this.#savesSnapshot())) fail("no snapshot is written any more, and nothing stands in its way");
    const { host, rotten } = this.#server;
    for (const what of [...leftBehind(host.server.figures), ...leftOnDisk(host.disk.names(), this.#plan, rotten)])
      fail(what);
    for (const { name, timers } of this.#inhabitants.all)
      if (timers !== 0) fail(`client ${name} has left ${timers} timers`);
    if (this.#network.links.length > 0) fail(`${this.#network.links.length} connections are open`);
    this.#server.dump("after everybody left");
  }

  async #savesSnapshot(): Promise<boolean> {
    const { server } = this.#server.host;
    const before = server.counters.snapshots;
    void server.checkpoint();
    await this.#timeline.advance(SNAPSHOT_MS);
    return server.counters.snapshots > before;
  }

  #unrest(): string | undefined {
    if (!this.#server.host.isRunning) return "the server does not run";
    for (const cast of this.casts) {
      const unrest = cast.unrest();
      if (unrest !== undefined) return `${cast.name}: ${unrest}`;
    }
    return overdue(this.#server.host.server.state);
  }

  end(): void {
    this.#server.host.crash("process");
    this.#timeline.end();
    this.#removeTraps();
  }
}
