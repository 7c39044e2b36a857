/** One thread of a campaign, replaced when a task kills it or holds it for too long. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { Answer, Task } from "./perform.ts";

/** Real time that a task may take: twenty times what a large seed takes on a busy machine. */
const TASK_MS_MAX = 120_000;
/** Of an answer of a process. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/** Beside this file, built or not. */
const code = import.meta.url.endsWith(".ts")
  ? new URL("../worker.ts", import.meta.url)
  : new URL("../worker.js", import.meta.url);
/** New objects are many and die young. */
const resourceLimits = { maxYoungGenerationSizeMb: 64 };

/** Why there is no answer. */
export interface Death {
  readonly check: "thread" | "hang";
  readonly what: string;
}

export class Thread {
  readonly #code: URL;
  #worker: Worker | undefined;
  /** Whoever waits for the present task. */
  #over: (outcome: Answer | Death) => void = () => {};

  constructor(worker: URL = code) {
    this.#code = worker;
  }

  /** One at a time. */
  async ask(task: Task, budgetMs: number = TASK_MS_MAX): Promise<Answer | Death> {
    const worker = (this.#worker ??= this.#begin());
    let timer: NodeJS.Timeout | undefined;
    const outcome = await new Promise<Answer | Death>((resolve) => {
      this.#over = resolve;
      const what = `no answer within ${budgetMs} ms`;
      timer = setTimeout(() => resolve({ check: "hang", what }), budgetMs);
      worker.postMessage(task);
    });
    clearTimeout(timer);
    if ("check" in outcome) await this.end();
    return outcome;
  }

  #begin(): Worker {
    const worker = new Worker(this.#code, { resourceLimits });
    const over = (outcome: Answer | Death): void => {
      // One that was given up may still say something.
      if (this.#worker === worker) this.#over(outcome);
    };
    worker.on("message", over);
    worker.on("error", (error) => over({ check: "thread", what: `died: ${error.stack ?? error.message}` }));
    worker.on("exit", (exitCode) => over({ check: "thread", what: `ended with code ${exitCode}` }));
    return worker;
  }

  async end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }
}

/** The same in a process of its own. */
export async function askProcess(task: Task): Promise<Answer | Death> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [fileURLToPath(code)],
      { timeout: TASK_MS_MAX, killSignal: "SIGKILL", maxBuffer: ANSWER_BYTES_MAX },
      (error, stdout) => {
        if (error === null) resolve(JSON.parse(stdout) as Answer);
        else if (error.killed === true)
          resolve({ check: "hang", what: `a process gave no answer within ${TASK_MS_MAX} ms` });
        else resolve({ check: "thread", what: `a process died: ${error.message}` });
      },
    );
    // It may die before it has read everything: that is told above.
    child.stdin!.on("error", () => {});
    child.stdin!.end(JSON.stringify(task));
  });
}
