/**
 * The machine a server runs on: what outlives the server (its disk, its log's store), and the server's present life.
 *
 * Owns the order of a start, a stop and a crash. The clients' side of a crash is the network's.
 */
import { FileLog, type FileLogLimits, type Log, type LogWarning, MemoryLog, MemoryLogStore } from "@corral/log";
import { type DiskOperation, MemoryDisk } from "@corral/log/testing";
import { type Listener, nodeAuthenticator, Server, type ServerConfig } from "@corral/server";
import { bytesOf, type Draw, drawFrom } from "./draw.ts";
import type { Network } from "./network.ts";
import { Process } from "./process.ts";
import type { Timeline } from "./timeline.ts";

/** Small enough to be kept in memory, large enough for every request of the default limits. */
export const TEST_FILE_LIMITS: FileLogLimits = {
  segmentBytes: 4 << 20,
  maxRecordBytes: 2 << 20,
  reserveBytes: 0,
  softMarkFraction: 1,
  softMarkBytes: 0,
  snapshotsKept: 2,
  idleMarkMs: 5,
  spacePollMs: 1_000,
  tornFilesKept: 3,
  readAheadBytes: 4 << 10,
};

export interface HostConfig {
  readonly url: string;
  readonly seed: number;
  readonly log: "memory" | "file";
  readonly fileLimits?: Partial<FileLogLimits> | undefined;
  readonly limits?: ServerConfig["limits"];
  readonly options?: ServerConfig["options"];
  readonly historyLimits?: ServerConfig["historyLimits"];
  /** Of the clocks of its machine; see {@link Process}. Default 1. */
  readonly clockRate?: number | undefined;
  /** Milliseconds that an operation of the disk takes; drawn for each. Default 0. */
  readonly diskMs?: ((operation: DiskOperation, name: string) => number) | undefined;
  /** Told of each operation of the disk that has taken effect. */
  readonly diskDone?: ((operation: DiskOperation, name: string) => void) | undefined;
  /** Puts something between the server and its log: an observer, a bug. */
  readonly wrapLog?: ((log: Log) => Log) | undefined;
  /** Puts something between the server and the wire. */
  readonly wrapListener?: ((listener: Listener) => Listener) | undefined;
  /** The server cannot go on. It is dead by then. */
  readonly fatal: (error: Error) => void;
  readonly warn?: ((warning: LogWarning) => void) | undefined;
  readonly snapshotFailed?: ((error: Error) => void) | undefined;
}

interface Life {
  readonly process: Process;
  server: Server | undefined;
  /** Resolves when it is over. */
  readonly died: Promise<void>;
  readonly die: () => void;
}

export class Host {
  readonly disk: MemoryDisk;
  readonly store: MemoryLogStore;
  readonly #timeline: Timeline;
  readonly #network: Network;
  readonly #config: HostConfig;
  readonly #draw: Draw;
  #life: Life | undefined;
  /** Of the disk, not yet over. */
  #faults = new Set<(operation: DiskOperation, name: string) => void>();
  /** What has been done to the machine's wall clock outlives the server. */
  #wallOffsetMs = 0;
  starts = 0;

  constructor(timeline: Timeline, network: Network, config: HostConfig) {
    this.#timeline = timeline;
    this.#network = network;
    this.#config = config;
    this.#draw = drawFrom(config.seed, "host");
    const draw = drawFrom(config.seed, "store");
    this.store = new MemoryLogStore(Buffer.from(bytesOf(draw, 16)).toString("hex"));
    this.disk = new MemoryDisk({
      before: (operation, name) => this.#operation(operation, name),
      done: config.diskDone,
      // Nothing in a dead process goes on, not even to see a failure.
      deadCalls: "never",
    });
  }

  /** The server of the present life. Throws when there is none. */
  get server(): Server {
    const server = this.#life?.server;
    if (server === undefined) throw new Error("the server is not running");
    return server;
  }

  get isRunning(): boolean {
    return this.#life?.server !== undefined;
  }

  get process(): Process {
    if (this.#life === undefined) throw new Error("the server is not running");
    return this.#life.process;
  }

  /** Resolves when clients are served; false if the server died before. Rejects with what kept it from starting. */
  async start(): Promise<boolean> {
    const {
      seed,
      url,
      limits,
      options,
      historyLimits,
      snapshotFailed,
      wrapListener = (listener) => listener,
    } = this.#config;
    const name = `server ${++this.starts}`;
    const process = new Process(name, this.#timeline, drawFrom(seed, name), {
      rate: this.#config.clockRate,
      wallOffsetMs: this.#wallOffsetMs,
    });
    let die = (): void => {};
    const died = new Promise<void>((resolve) => (die = resolve));
    const life: Life = { process, server: undefined, died, die };
    this.#life = life;
    const starting = Server.start({
      log: this.#openLog(process),
      listeners: [wrapListener(this.#network.listener(process, url))],
      ...(limits === undefined ? {} : { limits }),
      ...(options === undefined ? {} : { options }),
      ...(historyLimits === undefined ? {} : { historyLimits }),
      clock: process,
      scheduler: { soon: (call) => void process.after(0, "work", call), every: (ms, call) => process.every(ms, call) },
      authenticator: nodeAuthenticator,
      daemonId: 1 + Math.floor(this.#draw() * 2 ** 40),
      events: {
        fatal: (error) => {
          if (this.#life !== life) return;
          this.#die();
          this.#config.fatal(error);
        },
        snapshotFailed: (error) => snapshotFailed?.(error),
      },
    });
    try {
      // A start that is killed never says so.
      const server = await Promise.race([starting, died]);
      if (server === undefined || this.#life !== life) return false;
      life.server = server;
      return true;
    } catch (error) {
      if (this.#life !== life) return false;
      this.#die();
      throw error;
    }
  }

  #openLog(process: Process): Log {
    const { log, fileLimits, warn, wrapLog, seed } = this.#config;
    const opened =
      log === "memory"
        ? new MemoryLog({ store: this.store, defer: (step) => void process.after(0, "work", step) })
        : new FileLog(
            {
              disk: this.disk.mount(),
              lock: { acquire: async () => async () => {} },
              timers: { now: process.wallMs, after: (ms, call) => process.after(ms, "timer", call) },
              random: (length) => bytesOf(drawFrom(seed, "file log"), length),
            },
            { limits: { ...TEST_FILE_LIMITS, ...fileLimits }, warn },
          );
    return wrapLog === undefined ? opened : wrapLog(opened);
  }

  #operation(operation: DiskOperation, name: string): void | Promise<void> {
    for (const fault of this.#faults) fault(operation, name);
    const ms = this.#config.diskMs?.(operation, name) ?? 0;
    const process = this.#life?.process;
    if (ms === 0 || process === undefined) return;
    return new Promise((resolve) => void process.after(ms, "work", resolve));
  }

  /** Called before each operation of the disk; throws what the disk shall throw. The function returned ends that. */
  diskFault(fault: (operation: DiskOperation, name: string) => void): () => void {
    this.#faults.add(fault);
    return () => void this.#faults.delete(fault);
  }

  /** In order: what was asked is answered, clients are told. */
  async stop(): Promise<void> {
    const life = this.#life;
    if (life?.server === undefined) return;
    // It may die on the way: then nothing in it goes on.
    await Promise.race([life.server.close(), life.died]);
    if (this.#life === life) this.#die();
  }

  /** `power`: what was not synced is kept, lost or torn, as the seed decides. `process`: everything written is there. */
  crash(of: "power" | "process"): void {
    this.#die();
    if (of === "power") this.disk.crash(this.#draw);
    else this.disk.kill();
  }

  #die(): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#life = undefined;
    this.#wallOffsetMs = life.process.wallOffsetMs;
    life.process.die();
    life.die();
    void life.server?.abandon();
    this.#network.serverDied(life.process);
  }
}
