/**
 * A cluster with something for each duty: a dead broker, one that drains, reassignments that are done, leaders in the wrong place,
 * requests that nobody has looked at. And what has become of it.
 */
import { op, text } from "@corral/client";
import type { MakeDuty } from "../src/controller/duty.ts";
import { drain } from "../src/controller/duties/drain.ts";
import { elections } from "../src/controller/duties/elections.ts";
import { preferred } from "../src/controller/duties/preferred.ts";
import { reassignments } from "../src/controller/duties/reassignments.ts";
import { startReassignment } from "../src/partition/reassignment.ts";
import type { PartitionState } from "../src/partition/state.ts";
import { requestCodec } from "../src/records.ts";
import { fresh, startCluster, type TestCluster } from "./cluster.ts";
import { type Candidate, standAll } from "./controllers.ts";
import { duty } from "./duties.ts";

/** They stand for controller and keep nothing, so that their end changes nothing else. */
export const CONTROLLERS = [1, 2];
/** Number on the wire of the first of them: the test's own client came before. */
export const FIRST = 2;
const KEEPERS = [3, 4, 5, 6, 7];
/** So many that one thing takes several transactions. */
const PARTITIONS = 882;
/** Everything is done by then, by two controllers if need be. */
const DONE_MS = 30_000;

/** What an administrator asks is done once, whoever does it. */
const requests: MakeDuty = duty(({ image }) => ({
  name: "requests",
  next() {
    const [request] = image.requests();
    if (request === undefined) return undefined;
    const done = op.create(`/done-${request.key}`, request.by, { codec: text });
    return { what: `request ${request.key}`, together: [op.delete(request.path), done] };
  },
}));

function states(): PartitionState[] {
  const moved = startReassignment(fresh([5, 6]), [6, 5, 7], new Set(KEEPERS));
  if (moved.outcome !== "changed") throw new Error("it must move");
  const kinds = [
    fresh([3, 4, 5]),
    fresh([3, 5, 7]),
    fresh([3, 7, 6]),
    fresh([4, 5, 6]),
    fresh([5, 6, 3], { leader: 6 }),
    { ...moved.state, isr: [5, 6, 7] },
    fresh([5, 6]),
  ];
  return Array.from({ length: PARTITIONS }, (_, at) => kinds[at % kinds.length] as PartitionState);
}

export interface Outcome {
  readonly states: readonly PartitionState[];
  /** How often each was written. */
  readonly versions: readonly number[];
  /** Requests that are left, and what they came to. */
  readonly requests: readonly string[];
  readonly candidates: readonly Candidate[];
  /** How often the first controller asked for that. */
  readonly asked: (what: string) => number;
}

/** All of it is seen to, while what was planted happens. `electing`: who elects. */
export async function seeTo(
  plant: (cluster: TestCluster) => void = () => undefined,
  electing: MakeDuty = elections,
): Promise<Outcome> {
  await using cluster = await startCluster({ brokers: [...CONTROLLERS, ...KEEPERS].map((id) => ({ id })) });
  const id = await cluster.topic("orders", { states: states() });
  await cluster.configureAll({ "leader.imbalance.check.interval.seconds": "15" });
  await cluster.kill(3);
  await cluster.change(4, { status: "draining" });
  for (const key of ["a", "b"]) {
    const request = { op: "any", args: null, key, by: "me" };
    await cluster.client.create(`${cluster.paths.requests}/r-`, request, { codec: requestCodec, sequential: true });
  }
  plant(cluster);
  const duties = [electing, drain, requests, reassignments, preferred];
  const candidates = await standAll(cluster, duties, CONTROLLERS);
  await cluster.settle(DONE_MS);
  const stored = [...cluster.storedAll(id).values()];
  const paths = cluster.server.dump().map(({ path }) => path);
  return {
    states: stored.map(({ state }) => state),
    versions: stored.map(({ version }) => version),
    requests: paths.filter((path) => path.startsWith("/done-") || path.startsWith(`${cluster.paths.requests}/`)),
    candidates,
    asked: (what) => cluster.server.requests({ op: what, client: FIRST }).length,
  };
}
