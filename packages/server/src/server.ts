/**
 * The server as a library: recovers what the log holds, serves it, stops in order. A table of contents; the work is
 * elsewhere.
 */
import type { Log } from "@corral/log";
import { DEFAULT_OPTIONS, type HistoryLimits, type Options, type State } from "@corral/state-machine";
import { Driver, type DriverEvents } from "./driver.ts";
import type { Authenticator } from "./engine/authenticator.ts";
import type { Figures } from "./engine/engine.ts";
import { type ServerLimits, serverLimits } from "./engine/limits.ts";
import type { Counters } from "./engine/world.ts";
import { type RecoveredState, recover } from "./recover.ts";
import type { Clock, Listener, Scheduler } from "./world.ts";

export interface ServerConfig {
  readonly log: Log;
  readonly listeners: readonly Listener[];
  /** Changes of the default limits. */
  readonly limits?: Partial<ServerLimits>;
  /** Changes of the default replicated options; see Options. */
  readonly options?: Partial<Options>;
  readonly historyLimits?: HistoryLimits;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly authenticator: Authenticator;
  /** A random safe integer, new at each start. */
  readonly daemonId: number;
  readonly events: DriverEvents;
}

/** How long a drain waits: for what has been asked to be finished, and then for clients to take what they were told; milliseconds. */
const DRAIN_MS = 2_000;

export class Server {
  readonly #config: ServerConfig;
  readonly #driver: Driver;
  /** What was found at the start. */
  readonly recovered: Omit<RecoveredState, "state">;

  private constructor(config: ServerConfig, driver: Driver, recovered: RecoveredState) {
    this.#config = config;
    this.#driver = driver;
    this.recovered = recovered;
  }

  /** Resolves when clients are served. Rejects with a LogError, a RangeError for a limit, or the listener's error. */
  static async start(config: ServerConfig): Promise<Server> {
    const limits = serverLimits(config.limits);
    const options = { ...DEFAULT_OPTIONS, ...config.options };
    const { log, clock, scheduler, events, authenticator, daemonId } = config;
    const recovered = await recover(log, config.historyLimits);
    const { clusterId, exclusive: isExclusive } = log;
    const { state } = recovered;
    const driver = new Driver(
      { state, limits, options, clusterId, daemonId, isExclusive, authenticator },
      log,
      clock,
      scheduler,
      events,
    );
    await log.open(driver);
    driver.start(limits.tickMs);
    try {
      for (const listener of config.listeners) await listener.listen(driver.accept);
    } catch (error) {
      for (const listener of config.listeners) await listener.close();
      await driver.stop();
      await log.close();
      throw error;
    }
    return new Server(config, driver, recovered);
  }

  /** Where clients connect. */
  get urls(): readonly string[] {
    return this.#config.listeners.map(({ url }) => url);
  }

  get figures(): Figures {
    return this.#driver.engine.figures;
  }

  get counters(): Readonly<Counters> {
    return this.#driver.engine.counters;
  }

  /** The replicated state, for tests and tools: look, don't touch. */
  get state(): State {
    return this.#driver.engine.state;
  }

  /** Ends a session as if it had been silent. False if there is none. */
  expireSession(session: number): boolean {
    let isThere = false;
    this.#driver.turn(() => (isThere = this.#driver.engine.expireSession(session)));
    return isThere;
  }

  /** Writes a snapshot now; resolves when it is durable or has failed. */
  checkpoint(): Promise<void> {
    return this.#driver.checkpointNow();
  }

  /** Stops in order, within a few seconds: clients are told to go, what they had asked is finished, the log is closed. Sessions live on. */
  async close(): Promise<void> {
    await this.#within(DRAIN_MS, this.#driver.idle());
    this.#driver.turn(() => this.#driver.engine.drain());
    await this.#within(DRAIN_MS, this.#closeListeners());
    await this.#driver.idle();
    await this.#driver.stop();
    await this.#config.log.close();
  }

  /** As if the process had died: nothing is said to anyone. For tests. */
  async abandon(): Promise<void> {
    await this.#driver.stop();
  }

  async #closeListeners(): Promise<void> {
    for (const listener of this.#config.listeners) await listener.close();
  }

  /** Waits for something, but not for long: clients that go on asking must not hold up the end. */
  async #within(ms: number, something: Promise<void>): Promise<void> {
    let stop = (): void => {};
    const over = new Promise<void>((resolve) => (stop = this.#config.scheduler.every(ms, resolve)));
    await Promise.race([something, over]).finally(stop);
  }
}
