/**
 * A load generator as seen by the bench: a process that is given one job after the other and answers with marks. Owns the
 * process, the order of marks, and the samples of CPU time at the marks `begin` and `end`. Knows nothing of what is measured.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { createInterface } from "node:readline";
import { endsWithUs } from "../run/children.ts";
import { cpuSeconds, machineCpuSeconds } from "../run/processor-time.ts";
import type { EndMark, Job, Mark } from "./job.ts";
import type { GeneratorCommand } from "../systems/system.ts";
import type { Measurement } from "../report/results.ts";

/** A JVM on a busy machine. */
const READY_MS_MAX = 60_000;
/** What it says to its stderr, kept to be shown when it dies: characters. */
const STDERR_CHARS_MAX = 4_000;
/** Marks that nobody waited for: more means that it talks nonsense. */
const EARLY_MARKS_MAX = 4;

/** What ran between two marks, of a job that ended. */
export interface Ran extends Measurement {
  readonly end: EndMark;
}

/** CPU seconds at a moment, milliseconds of this process's clock. */
interface Sample {
  readonly at: number;
  readonly server: number;
  readonly generator: number;
  readonly machine: number;
}

export class Generator {
  readonly name: string;
  readonly processorsMax: number;
  /** In its own words; from `ready` on. */
  client = "";
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #early: Mark[] = [];
  #waiting: { readonly resolve: (mark: Mark) => void; readonly reject: (error: Error) => void } | undefined;
  #stderr = "";
  /** Why nothing can be asked of it any more. */
  #over: Error | undefined;

  private constructor(command: GeneratorCommand) {
    this.name = command.name;
    this.processorsMax = command.processorsMax;
    const [program, ...args] = command.command as [string, ...string[]];
    this.#process = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
    const forget = this.#process.pid === undefined ? undefined : endsWithUs(this.#process.pid);
    this.#process.once("error", (error) => this.#ended(`cannot be started: ${error.message}`));
    this.#process.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARS_MAX);
    });
    // A pipe breaks when the process dies; its end says why.
    this.#process.stdin.on("error", () => {});
    createInterface({ input: this.#process.stdout }).on("line", (line) => this.#heard(line));
    // Not `exit`: what it said last is read first.
    this.#process.once("close", (code, signal) => {
      forget?.();
      this.#ended(`ended with ${code ?? signal}`);
    });
  }

  /** Resolves when it takes jobs. */
  static async start(command: GeneratorCommand): Promise<Generator> {
    const generator = new Generator(command);
    try {
      const ready = await generator.#mark("ready", READY_MS_MAX);
      generator.client = ready.client;
      return generator;
    } catch (error) {
      await generator.kill();
      throw error;
    }
  }

  /** Does a job to its end, or, for `sessions`, until all are open. `deadlineMs`: for the whole of it. */
  async run(job: Job, server: number, deadlineMs: number): Promise<Ran> {
    const until = performance.now() + deadlineMs;
    this.#say(job);
    await this.#mark("begin", deadlineMs);
    const before = this.#sample(server);
    const end = await this.#mark("end", until - performance.now());
    const after = this.#sample(server);
    const measured = {
      operations: end.operations,
      seconds: end.seconds,
      sampledSeconds: (after.at - before.at) / 1000,
      serverCpu: after.server - before.server,
      generatorCpu: after.generator - before.generator,
      machineCpu: after.machine - before.machine,
      end,
    };
    return end.latencies === undefined ? measured : { ...measured, latencies: end.latencies };
  }

  /** Ends the sessions of the job before. */
  async release(deadlineMs: number): Promise<void> {
    this.#say({ job: "release" });
    await this.#mark("released", deadlineMs);
  }

  /** Seconds until a read was answered, from now: of a server that is only starting. */
  async read(keys: number, deadlineMs: number): Promise<number> {
    this.#say({ job: "read", keys, deadlineMs });
    return (await this.#mark("end", deadlineMs + READY_MS_MAX)).seconds;
  }

  /** Resolves when it is gone. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    await new Promise((resolve) => {
      child.once("exit", resolve);
      child.kill("SIGKILL");
    });
  }

  #say(job: Job): void {
    if (this.#over === undefined) this.#process.stdin.write(`${JSON.stringify(job)}\n`);
  }

  #sample(server: number): Sample {
    return {
      at: performance.now(),
      server: cpuSeconds(server),
      generator: cpuSeconds(this.pid),
      machine: machineCpuSeconds(),
    };
  }

  #heard(line: string): void {
    let mark: Mark;
    try {
      mark = JSON.parse(line) as Mark;
    } catch {
      return this.#ended(`said what is no mark: ${line.slice(0, 200)}`);
    }
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) return waiting.resolve(mark);
    this.#early.push(mark);
    if (this.#early.length > EARLY_MARKS_MAX) this.#ended("says more than it was asked");
  }

  #ended(how: string): void {
    const said = this.#stderr.trim();
    this.#over ??= new Error(`generator ${this.name} ${how}${said === "" ? "" : `\n${said}`}`);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.reject(this.#over);
  }

  async #mark<K extends Mark["mark"]>(kind: K, waitMs: number): Promise<Extract<Mark, { readonly mark: K }>> {
    const mark = await this.#next(kind, waitMs);
    if (mark.mark === "failed") throw new Error(`generator ${this.name} failed: ${mark.why}`);
    if (mark.mark !== kind) {
      this.#ended(`said '${mark.mark}' where '${kind}' was due`);
      throw this.#over!;
    }
    return mark as Extract<Mark, { readonly mark: K }>;
  }

  #next(kind: string, waitMs: number): Promise<Mark> {
    const early = this.#early.shift();
    if (early !== undefined) return Promise.resolve(early);
    if (this.#over !== undefined) return Promise.reject(this.#over);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#ended(`did not say '${kind}' within ${(waitMs / 1000).toFixed(0)} s`),
        Math.max(waitMs, 0),
      );
      this.#waiting = {
        resolve: (mark) => {
          clearTimeout(timer);
          resolve(mark);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
    });
  }

  get pid(): number {
    if (this.#process.pid === undefined) throw new Error(`generator ${this.name} has no process`);
    return this.#process.pid;
  }

  /** Whether more can be asked of it. */
  get isAlive(): boolean {
    return this.#over === undefined;
  }
}
