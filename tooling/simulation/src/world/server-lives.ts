/**
 * The server's lives: how it starts, dies and comes back on its lying disk, and which ends a fault may bring it: those that
 * its budget allows. An end for good (the log is refused, or a lying disk lost what it had said it had) ends the run there.
 *
 * Owns the host and what witnesses its log. Never decides when something goes wrong.
 */
import { type Log, LogError, type LogWarning } from "@corral/log";
import { SERVER_BOUNDS } from "@corral/server";
import { drawFrom, Host, type Network, type Process } from "@corral/testing/world";
import { compareRecoveries } from "../check/recoveries.ts";
import { dumpOfServer } from "../check/states.ts";
import type { History, Violation } from "../history.ts";
import { type Plant, plantedListener, plantedLog } from "../plant.ts";
import { Budget, type FaultKind } from "./faults.ts";
import { Liar } from "./liar.ts";
import { LogWitness, observedLog } from "./observed-log.ts";
import type { ObservedSessions } from "./observed-sessions.ts";
import type { Plan } from "./plan.ts";
import { drawMs, fileLimits } from "./surroundings.ts";

export interface Surroundings {
  readonly plan: Plan;
  readonly plant: Plant | undefined;
  readonly url: string;
  readonly network: Network;
  readonly fate: Process;
  readonly history: History;
  readonly violations: Violation[];
  readonly sessions: ObservedSessions;
  readonly note: (what: string) => void;
  readonly count: (what: string) => void;
  readonly warned: (warning: LogWarning) => void;
  readonly snapshotFailed: (error: Error) => void;
  readonly started: () => void;
  readonly diskDone: (operation: string, name: string) => void;
  readonly sometimes: (mark: string) => void;
}

/** Between a death that nobody ordered and the next start. */
const COME_BACK_MS = 500;

export class ServerLives {
  readonly host: Host;
  readonly liar: Liar = new Liar();
  /** Snapshots that were damaged at rest. */
  readonly rotten: Set<string> = new Set();
  readonly budget: Budget = new Budget();
  /** Resolves with the verdict that ends the run. */
  readonly over: Promise<"refuses" | "loses">;
  readonly #over: (verdict: "refuses" | "loses") => void;
  readonly #world: Surroundings;
  readonly #moreDiskMs = new Set<() => number>();
  #isRestarting = false;
  /** Files of the disk that are being written, for a look at what the server is doing. */
  readonly #writing = new Set<string>();
  isOver = false;

  constructor(timeline: ConstructorParameters<typeof Host>[0], world: Surroundings) {
    this.#world = world;
    let over = (_verdict: "refuses" | "loses"): void => {};
    this.over = new Promise((resolve) => (over = resolve));
    this.#over = over;
    const { plan, plant, url, network, history, violations, sessions } = world;
    const witness = new LogWitness(history.entries, violations, {
      found: (firstZxid, txns) => sessions.begun(firstZxid, txns, 0),
      recovered: () => sessions.up(this.#tickMs),
      proposed: (txns) => sessions.proposed(txns),
      committed: (firstZxid, txns) => {
        this.liar.committed(firstZxid + txns.length - 1);
        sessions.committed(firstZxid, txns);
      },
      mayLose: (after) => this.#lost(after),
    });
    const diskMs = drawMs(plan.disk, drawFrom(plan.seed, "disk"));
    this.host = new Host(timeline, network, {
      url,
      seed: plan.seed,
      log: "file",
      fileLimits: fileLimits(plan),
      limits: plan.limits,
      options: plan.options,
      ...(plan.history === undefined ? {} : { historyLimits: plan.history }),
      clockRate: plan.clocks.serverRate,
      diskMs: (operation, name) => {
        world.note(`disk ${operation} ${name}`);
        if (operation === "create") this.#writing.add(name);
        if (operation === "rename") this.#writing.delete(name);
        if (operation === "read") return 0;
        return diskMs() + [...this.#moreDiskMs].reduce((sum, more) => sum + more(), 0);
      },
      diskDone: (operation, name) => {
        this.liar.diskDone(operation, name);
        world.diskDone(operation, name);
      },
      wrapLog: (log: Log) => observedLog(plantedLog(log, plant), witness),
      wrapListener: (listener) =>
        plantedListener(
          sessions.listener(listener, (socket) => network.links.find((link) => link.socket === socket)),
          plant,
        ),
      warn: world.warned,
      snapshotFailed: world.snapshotFailed,
      fatal: (error) => this.#fatal(error),
    });
  }

  get #tickMs(): number {
    return this.#world.plan.limits.tickMs ?? SERVER_BOUNDS.tickMs.default;
  }

  /** What the server does at this moment, as far as can be seen from outside. */
  get phase(): "down" | "recovering" | "snapshot" | "writing" | "idle" {
    if (!this.host.isRunning) return this.#isRestarting ? "recovering" : "down";
    if ([...this.#writing].some((name) => name.startsWith("snapshot"))) return "snapshot";
    return this.host.server.figures.uncommittedBytes > 0 ? "writing" : "idle";
  }

  /** Files of which nothing is promised: snapshots that rotted; all of them once the disk has lied. */
  get #damaged(): ReadonlySet<string> {
    return this.budget.allows("refuses") ? new Set(this.host.disk.names()) : this.rotten;
  }

  slowDisk(moreMs: () => number): () => void {
    this.#moreDiskMs.add(moreMs);
    return () => void this.#moreDiskMs.delete(moreMs);
  }

  /** Its monotonic clock does not count it, but it is late for everything after. */
  sleep(ms: number): void {
    const { sessions, history, fate } = this.#world;
    const isOver = sessions.serverStalls();
    const { process, server } = this.host;
    const before = process.sleptMs;
    process.sleep(ms);
    history.sleeps.push({ timeMs: server.state.timeMs, ms: (process.sleptMs - before) * process.rate });
    fate.after(ms, "timer", isOver);
  }

  struck(kind: FaultKind): void {
    this.budget.struck(kind);
    if (kind !== "lying-sync") return;
    this.#world.sometimes("the disk lied about its syncs");
  }

  #end(verdict: "refuses" | "loses"): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#world.note(`over: ${verdict}`);
    this.#world.count(`verdict ${verdict}`);
    this.#over(verdict);
  }

  #lost(after: number): boolean {
    if (!this.budget.allows("loses") || !this.liar.mayLose(after)) return false;
    this.#world.sometimes("a lying disk lost what it had said it had");
    this.#end("loses");
    return true;
  }

  /** The disk or a full one may end the server; nothing else may. */
  #fatal(error: Error): void {
    const { note, count, violations, sometimes } = this.#world;
    note(`fatal ${error.message}`);
    count("fatal");
    sometimes("the server ended itself for its log's sake");
    if (!(error instanceof LogError) || !this.budget.allows("stops"))
      violations.push({ check: "fatal", what: String(error.stack) });
    else if (error.code === "NO_SPACE") this.host.disk.capacity = Number.POSITIVE_INFINITY;
    this.#crash("power");
    this.#comeBack(COME_BACK_MS);
  }

  #crash(how: "power" | "process"): void {
    this.#writing.clear();
    this.#world.sessions.died();
    this.liar.serverDown(how === "power");
    this.host.crash(how);
  }

  /** False if it died on the way. */
  async start(): Promise<boolean> {
    const { plan, note, count, violations, sessions, started } = this.#world;
    // As it is left by whatever happened: nobody writes to it now.
    const differ = await compareRecoveries(this.host.disk, fileLimits(plan), plan.history, note, this.#damaged);
    if (differ !== undefined) violations.push({ check: "recovery", what: differ });
    let isUp: boolean;
    try {
      isUp = await this.host.start();
    } catch (error) {
      this.#notStarted(error);
      return false;
    }
    if (!isUp || this.isOver) return false;
    note("started");
    started();
    sessions.serving();
    count("starts");
    this.dump("after a start");
    return true;
  }

  #notStarted(error: unknown): void {
    const { note, violations, sometimes } = this.#world;
    note(`not started: ${String(error)}`);
    if (error instanceof LogError && error.code === "DAMAGED" && this.budget.allows("refuses")) {
      // It has to say where, and what to do.
      if (!/(log|snapshot)-\d{16}/.test(error.message))
        violations.push({ check: "recovery", what: `a refusal that names no file: ${error.message}` });
      sometimes("a damaged log was refused");
      return this.#end("refuses");
    }
    const isOfTheDisk =
      error instanceof LogError &&
      (error.code === "NO_SPACE" || error.code === "IO_FAILED") &&
      this.budget.allows("stops");
    if (isOfTheDisk) sometimes("a start failed and the next one did not");
    else
      violations.push({
        check: "recovery",
        what: `it did not start: ${String((error as Error)?.stack ?? error)}`,
      });
    this.host.disk.capacity = Number.POSITIVE_INFINITY;
    this.#crash("power");
  }

  async restart(how: "power" | "process" | "stop", downMs: number): Promise<void> {
    if (this.isOver || !this.host.isRunning || this.#isRestarting) return;
    this.dump(`before a ${how}`);
    this.#isRestarting = true;
    this.#world.sessions.look("down", this.livingSessions);
    if (how === "stop") await this.host.stop();
    else this.#crash(how);
    this.#isRestarting = false;
    this.#comeBack(downMs);
  }

  #comeBack(downMs: number): void {
    this.#world.fate.after(downMs, "timer", () => {
      if (this.isOver || this.host.isRunning || this.#isRestarting) return;
      this.#isRestarting = true;
      void this.start()
        .catch((error: unknown) => {
          this.#world.violations.push({ check: "recovery", what: String((error as Error)?.stack ?? error) });
          return true;
        })
        .then((isUp) => {
          this.#isRestarting = false;
          if (!isUp) this.#comeBack(COME_BACK_MS);
        });
    });
  }

  get livingSessions(): readonly number[] {
    return this.host.isRunning ? Array.from(this.host.server.state.sessions.values(), ({ id }) => id) : [];
  }

  dump(why: string): void {
    if (!this.host.isRunning) return;
    const { state } = this.host.server;
    this.#world.history.dumps.push({ zxid: state.zxid, why, text: dumpOfServer(state) });
  }
}
