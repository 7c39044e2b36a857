/**
 * One server on one directory, and the generator that loads it at the moment. Owns both processes from their start to their
 * end, and the bound of each job's time. What is measured is decided elsewhere.
 */
import { type AddressInfo, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Generator, type Ran } from "../generator/process.ts";
import type { Job, LoadJob } from "../generator/job.ts";
import type { RunningServer, System } from "../systems/system.ts";
import { endsWithUs } from "./children.ts";
import type { Lab } from "./lab.ts";
import { onOneCore } from "./one-core.ts";
import { residentBytes } from "./processor-time.ts";
import { BULK, PLAIN_VARIANT } from "./scale.ts";

/** Until a server that has just begun answers, whatever it has to read before. */
const SERVES_MS_MAX = 120_000;
/** What a job may take beyond the time that it names. */
const JOB_SLACK_MS = 60_000;
/** A fill or a fan-out that is slower than this is no measurement: operations a second. */
const SLOWEST_PER_SECOND = 2_000;
const LOAD_TRIES_MAX = 4;
const SETTLE_LOOK_MS = 250;
const SETTLE_LOOKS = 6;
/** Memory that moves less than this share between two looks has settled. */
const SETTLE_SHARE = 0.01;

export class Stage {
  readonly system: System;
  readonly directory: string;
  readonly #lab: Lab;
  #server: RunningServer | undefined;
  #forget: (() => void) | undefined;
  #generator: Generator | undefined;
  /** Kept over restarts, so that a generator that waits for the server knows where. */
  readonly #port: number;
  #address: string;

  private constructor(lab: Lab, system: System, directory: string, port: number) {
    this.#lab = lab;
    this.system = system;
    this.directory = directory;
    this.#port = port;
    this.#address = `127.0.0.1:${port}`;
  }

  static async open(lab: Lab, system: System, directory: string): Promise<Stage> {
    return new Stage(lab, system, directory, await freePort());
  }

  get server(): RunningServer {
    if (this.#server === undefined) throw new Error(`no ${this.system.name} runs`);
    return this.#server;
  }

  /** Starts the server and waits until it answers. */
  async start(variant: string, snapshotEntries?: number): Promise<void> {
    await this.startServer(snapshotEntries);
    await this.load(variant);
    await this.#generator!.read(0, SERVES_MS_MAX);
  }

  async startServer(snapshotEntries?: number): Promise<void> {
    const options = { directory: this.directory, port: this.#port };
    this.#server = await this.system.start(snapshotEntries === undefined ? options : { ...options, snapshotEntries });
    this.#forget = endsWithUs(this.#server.pid);
    this.#address = this.#server.address;
    this.#lab.noteServer(this.system.name, this.#server.commandLine);
  }

  async killServer(): Promise<void> {
    await this.#server?.kill();
    this.#forget?.();
    this.#server = undefined;
    this.#forget = undefined;
  }

  /** Takes this variant as generator, a new process, in the place of the one before. */
  async load(variant: string): Promise<void> {
    await this.#generator?.kill();
    this.#generator = undefined;
    const command = this.system.generators(this.#address).find(({ name }) => name === variant);
    if (command === undefined) throw new Error(`${this.system.name} has no client '${variant}'`);
    this.#generator = await Generator.start(command);
    this.#lab.noteClient(this.system.name, variant, this.#generator.client, this.#generator.processorsMax);
  }

  /** Bulk load that is not measured: gets and sets of one znode, or of `keys`. */
  async warmUp(ms: number, keys = 0): Promise<void> {
    const [connections, inFlight] = BULK;
    const half = Math.ceil(ms / 2);
    await this.run({ job: "load", workload: "mix", connections, inFlight, warmUpMs: half, measureMs: half, keys });
  }

  /** Does one job. After one that failed, the next has a generator of its own: nothing of a failure stays. */
  async run(job: Job): Promise<Ran> {
    const generator = this.#generator;
    if (generator === undefined) throw new Error(`no client of ${this.system.name} runs`);
    try {
      return await generator.run(job, this.server.pid, deadlineMs(job));
    } catch (error) {
      const { name } = generator;
      await generator.kill();
      await this.load(name);
      throw error;
    }
  }

  /** A load in which something ended: of nothing there is nothing to say, so it is done again and longer. */
  async measure(job: LoadJob): Promise<Ran> {
    for (let tried = 1; ; tried++) {
      const ran = await this.run({ ...job, measureMs: job.measureMs * tried });
      if (ran.operations > 0) return ran;
      if (tried === LOAD_TRIES_MAX) throw new Error(`no operation ended within ${job.measureMs * tried} ms`);
    }
  }

  /** Does `work` while server and generator share one core. A generator that takes the place of this one does not. */
  onOneCore<T>(work: () => Promise<T>): Promise<T> {
    if (this.#generator === undefined) throw new Error(`no client of ${this.system.name} runs`);
    return onOneCore([this.server.pid, this.#generator.pid], work);
  }

  async release(): Promise<void> {
    await this.#generator?.release(JOB_SLACK_MS);
  }

  /** Kill -9 and start; seconds from the start until the first answered read. */
  async restart(variant: string, keys: number): Promise<number> {
    await this.killServer();
    await this.load(variant);
    // At the same moment: what is measured is the time without answers.
    const reading = this.#generator!.read(keys, SERVES_MS_MAX);
    const [seconds] = await Promise.all([reading, this.startServer()]);
    return seconds;
  }

  get rss(): number {
    return residentBytes(this.server.pid);
  }

  /** Resident memory, once it has stood still for a while, or when the time is over. */
  async settledRss(msMax: number): Promise<number> {
    const until = performance.now() + msMax;
    let still = 0;
    let last = this.rss;
    while (still < SETTLE_LOOKS && performance.now() < until) {
      await sleep(SETTLE_LOOK_MS);
      const now = this.rss;
      still = Math.abs(now - last) <= last * SETTLE_SHARE ? still + 1 : 0;
      last = now;
    }
    return last;
  }

  async close(): Promise<void> {
    // In this order the server has no broken connections to complain of.
    await this.killServer();
    await this.#generator?.kill();
  }
}

/** The client for all that is not throughput. */
export function plainVariant(system: System): string {
  const names = variantsOf(system);
  return names.includes(PLAIN_VARIANT) ? PLAIN_VARIANT : names[0]!;
}

export function variantsOf(system: System): readonly string[] {
  return system.generators("127.0.0.1:0").map(({ name }) => name);
}

function deadlineMs(job: Job): number {
  switch (job.job) {
    case "load":
      return job.warmUpMs + job.measureMs + JOB_SLACK_MS;
    case "fill":
      return ((job.to - job.from) * 1000) / SLOWEST_PER_SECOND + JOB_SLACK_MS;
    case "watch":
      return (job.watchers * (job.rounds + 1) * 1000) / SLOWEST_PER_SECOND + JOB_SLACK_MS;
    case "sessions":
      return (job.count * 1000) / SLOWEST_PER_SECOND + JOB_SLACK_MS;
    case "release":
    case "read":
      return JOB_SLACK_MS;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
