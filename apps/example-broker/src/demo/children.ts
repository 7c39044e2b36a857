/**
 * The processes of the demo: started, listened to, struck, and ended, each by its pid, whichever way the demo itself ends.
 *
 * Owns no meaning of what they say.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Time to end in order before it is killed, milliseconds. */
const END_MS = 8_000;
/** Time to say that it is ready, milliseconds. */
const READY_MS = 30_000;

/** A line that a process said; for what is no JSON, the line itself is the event. */
export interface Said {
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface Command {
  readonly name: string;
  readonly args: readonly string[];
  /** What is said when it is ready. */
  readonly ready: (said: Said) => boolean;
  readonly onSaid?: ((said: Said) => void) | undefined;
  /** It ended, and nobody had asked it to. */
  readonly onUnexpected: (how: string) => void;
}

export class Child {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  #isExpected = false;
  #isOver = false;
  readonly ready: Promise<void>;

  constructor(command: Command, logs: string) {
    this.name = command.name;
    const log = openSync(join(logs, `${command.name}.log`), "a");
    const child = spawn(process.execPath, command.args, { stdio: ["ignore", "pipe", log] });
    closeSync(log);
    this.#process = child;
    running.add(this);
    this.#ended = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        this.#isOver = true;
        running.delete(this);
        if (!this.#isExpected) command.onUnexpected(signal ?? `exit code ${code}`);
        resolve();
      });
    });
    this.ready = new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`${this.name} was not ready within ${READY_MS} ms`));
      }, READY_MS);
      createInterface(child.stdout as NonNullable<typeof child.stdout>).on("line", (line) => {
        const said = parse(line);
        if (command.ready(said)) {
          clearTimeout(timer);
          resolve();
        }
        command.onSaid?.(said);
      });
      void this.#ended.then(() => {
        clearTimeout(timer);
        reject(new Error(`${this.name} ended before it was ready`));
      });
    });
    // Who does not wait for it is told by `onUnexpected`.
    this.ready.catch(() => {});
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Stands still until `resume`. */
  pause(): void {
    this.#process.kill("SIGSTOP");
  }

  resume(): void {
    this.#process.kill("SIGCONT");
  }

  /** Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#isExpected = true;
    this.#process.kill("SIGKILL");
    await this.#ended;
  }

  /** Lets it end in order, and kills it if that takes too long. */
  async end(): Promise<void> {
    this.#isExpected = true;
    this.#process.kill("SIGCONT");
    this.#process.kill("SIGTERM");
    const timer = setTimeout(() => {
      this.#process.kill("SIGKILL");
    }, END_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  /** At once, and without waiting. */
  destroy(): void {
    this.#isExpected = true;
    this.#process.kill("SIGKILL");
  }
}

const running = new Set<Child>();

/** The last thing that a process of the demo does, however it ends. */
process.on("exit", () => {
  for (const child of running) child.destroy();
});

function parse(line: string): Said {
  if (!line.startsWith("{")) return { event: line };
  return JSON.parse(line) as Said;
}
