/** Makes the keys that a load draws from, with the client library. */
import type { FillJob, Mark } from "../../job.ts";
import { each } from "../each.ts";
import { ROOT, VALUE, keyPath, parentsOf } from "../tree.ts";
import { closeAll, createIfMissing, openAll } from "./load.ts";

export async function fill(url: string, job: FillJob, say: (mark: Mark) => void): Promise<void> {
  const { from, to, inFlight } = job;
  const clients = await openAll(url, job.connections);
  const at = (n: number) => clients[n % clients.length]!;
  try {
    await createIfMissing(at(0), ROOT, VALUE);
    const parents = parentsOf(from, to);
    await each(parents.length, inFlight, (n) => createIfMissing(at(n), parents[n]!, null));
    say({ mark: "begin" });
    const started = performance.now();
    await each(to - from, inFlight, async (n) => {
      await at(n).create(keyPath(from + n), VALUE);
    });
    say({ mark: "end", operations: to - from, seconds: (performance.now() - started) / 1_000 });
  } finally {
    await closeAll(clients);
  }
}
