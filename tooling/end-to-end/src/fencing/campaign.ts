/** Many processes contend for one lock of one corrald, and write to one store. Owns the processes. */
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { connect } from "@corral/client";
import { type FencedStore, openStore, type StoreOptions } from "./store.ts";

export interface CampaignOptions extends StoreOptions {
  /** Of a corrald that serves. */
  readonly url: string;
  readonly processes: number;
  readonly clientsEach: number;
  readonly sessionTimeoutMs: number;
  readonly handOvers: number;
}

/** Resolves with the store when so many hand-overs have happened. Rejects with what a contender had to say when it ended by itself. */
export async function contendForOneLock(options: CampaignOptions): Promise<FencedStore> {
  const { url, processes, clientsEach, sessionTimeoutMs, handOvers } = options;
  const client = await connect({ servers: [url] });
  await client.create("/fenced/guarded", null, { parents: true });
  await client.close();
  const store = await openStore(options);
  const reached = store.reached(handOvers);
  // As built, also when this file is not.
  const main = path.join(import.meta.dirname, "../../dist/fencing/contender.js");
  const args = [main, url, String(store.port), String(clientsEach), String(sessionTimeoutMs)];
  const children: ChildProcess[] = [];
  const failed = new Promise<never>((_resolve, reject) => {
    for (let i = 0; i < processes; i++) {
      const child = spawn(process.execPath, args, { stdio: ["pipe", "ignore", "pipe"] });
      let said = "";
      child.stderr.on("data", (bytes: Buffer) => (said += bytes.toString()));
      child.once("close", (code, signal) => {
        reject(new Error(`a contender ended with ${code ?? signal}: ${said}`));
      });
      children.push(child);
    }
  });
  try {
    await Promise.race([reached, failed]);
    return store;
  } finally {
    failed.catch(() => {});
    store.close();
    const alive = children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    const closed = alive.map((child) => new Promise((resolve) => child.once("close", resolve)));
    // One that stands still takes no other signal.
    for (const child of alive) child.kill("SIGKILL");
    await Promise.all(closed);
  }
}
