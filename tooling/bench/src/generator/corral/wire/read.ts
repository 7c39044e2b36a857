/** The first read that is answered, by a server that may not be up yet. */
import { type RequestBody, errorName } from "@corral/protocol";
import type { Mark, ReadJob } from "../../job.ts";
import { ROOT, keyPath } from "../tree.ts";
import { getBody } from "./bodies.ts";
import { Connection, refused } from "./connection.ts";

/** Between two attempts: what a restart takes is known no better than this. */
const PAUSE_MS = 5;
const TIMEOUT_MS = 30_000;

export async function read(url: string, job: ReadJob, say: (mark: Mark) => void): Promise<void> {
  const started = performance.now();
  const body = getBody(job.keys === 0 ? ROOT : keyPath(0));
  let last = "";
  while (performance.now() - started < job.deadlineMs) {
    let code: number;
    try {
      code = await readOnce(url, body);
    } catch (error) {
      last = (error as Error).message;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      continue;
    }
    // A fresh server has no znode yet: that it says so is an answer.
    if (code !== 0 && !(job.keys === 0 && errorName(code) === "NO_NODE")) throw refused(body, code);
    say({ mark: "end", operations: 1, seconds: (performance.now() - started) / 1_000 });
    return;
  }
  throw new Error(`nothing was not read within ${job.deadlineMs} ms: ${last}`);
}

/** Resolves with the code of the answer; the session ends with it. */
function readOnce(url: string, body: RequestBody): Promise<number> {
  return new Promise((resolve, reject) => {
    const attempt = async (): Promise<void> => {
      const connection = await Connection.open({ url, timeoutMs: TIMEOUT_MS, isBatched: true, broken: reject });
      try {
        resolve(await connection.ask(body));
        await connection.close();
      } finally {
        connection.destroy();
      }
    };
    attempt().catch(reject);
  });
}
