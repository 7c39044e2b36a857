/** Makes the keys that a load draws from. */
import type { FillJob, Mark } from "../../job.ts";
import { each } from "../each.ts";
import { ROOT, VALUE, keyPath, parentsOf } from "../tree.ts";
import { createBody } from "./bodies.ts";
import { Fleet } from "./fleet.ts";

export async function fill(url: string, isBatched: boolean, job: FillJob, say: (mark: Mark) => void): Promise<void> {
  const { from, to, connections, inFlight } = job;
  const fleet = await Fleet.open({ url, count: connections, isBatched });
  const at = (n: number) => fleet.connections[n % connections]!;
  const parents = parentsOf(from, to);
  const makeParents = async (): Promise<void> => {
    await at(0).must(createBody(ROOT, VALUE), "NODE_EXISTS");
    await each(parents.length, inFlight, (n) => at(n).must(createBody(parents[n]!, null), "NODE_EXISTS"));
  };
  try {
    await fleet.trouble.orDone(makeParents());
    say({ mark: "begin" });
    const started = performance.now();
    await fleet.trouble.orDone(each(to - from, inFlight, (n) => at(n).must(createBody(keyPath(from + n), VALUE))));
    say({ mark: "end", operations: to - from, seconds: (performance.now() - started) / 1_000 });
    await fleet.close();
  } finally {
    fleet.destroy();
  }
}
