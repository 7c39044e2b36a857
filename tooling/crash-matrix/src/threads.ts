/** So many tasks in as many threads as there are processors. Owns the threads: none outlives the call. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Answer, Task } from "./worker.ts";

/** A thread that says nothing for so long hangs in a loop; milliseconds. A task is a matter of seconds. */
const SILENCE_MAX_MS = 300_000;

export async function inThreads(tasks: readonly Task[], onAnswer: (answer: Answer) => void): Promise<void> {
  const left = [...tasks];
  const threads = Math.min(availableParallelism(), tasks.length);
  await Promise.all(Array.from({ length: threads }, () => work(left, onAnswer)));
}

async function work(left: Task[], onAnswer: (answer: Answer) => void): Promise<void> {
  for (let task = left.shift(); task !== undefined;) {
    const worker = new Worker(new URL("./worker.js", import.meta.url));
    try {
      while (task !== undefined) {
        onAnswer(await answerOf(worker, task));
        task = left.shift();
      }
    } catch (error) {
      // The thread is gone, or will not come back: another one goes on.
      onAnswer({ kind: "broken", task: task!, what: String(error) });
      task = left.shift();
    } finally {
      await worker.terminate();
    }
  }
}

function answerOf(worker: Worker, task: Task): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const silence = setTimeout(() => reject(new Error(`no answer within ${SILENCE_MAX_MS} ms`)), SILENCE_MAX_MS);
    const settle = (): void => {
      clearTimeout(silence);
      worker.off("message", answered);
      worker.off("error", died);
    };
    const answered = (answer: Answer): void => {
      settle();
      resolve(answer);
    };
    const died = (error: unknown): void => {
      settle();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    worker.on("message", answered);
    worker.on("error", died);
    worker.postMessage(task);
  });
}
