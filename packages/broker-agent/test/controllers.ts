/** Brokers that stand for controller, with the duties that a test is about. */
import { ClusterImage } from "../src/image/cluster-image.ts";
import { runController } from "../src/controller/controller.ts";
import type { MakeDuty, Term } from "../src/controller/duty.ts";
import type { TestCluster } from "./cluster.ts";

export interface Candidate {
  readonly id: number;
  readonly image: ClusterImage;
  /** Those that it won, oldest first. */
  readonly terms: readonly Term[];
  readonly errors: readonly unknown[];
  /** As `runController`. */
  readonly ended: Promise<void>;
  /** Resigns, and ends. */
  stop(): Promise<void>;
}

/** A broker of the cluster stands for controller; if it wins, its term has begun. */
export async function stand(cluster: TestCluster, id: number, duties: readonly MakeDuty[]): Promise<Candidate> {
  const { client, registration } = cluster.broker(id);
  const image = await ClusterImage.open(client, cluster.paths);
  const stop = new AbortController();
  const terms: Term[] = [];
  const errors: unknown[] = [];
  const ended = runController({
    client,
    paths: cluster.paths,
    broker: id,
    registration,
    image,
    duties: [remember(terms), ...duties],
    onError: (error) => errors.push(error),
    signal: stop.signal,
  });
  // Looked at by the tests that are about it.
  ended.catch(() => undefined);
  await cluster.server.clock.runUntilIdle();
  return {
    id,
    image,
    terms,
    errors,
    ended,
    async stop() {
      stop.abort();
      await ended;
    },
  };
}

/** These brokers, all by default, one after the other: the first one wins. */
export async function standAll(
  cluster: TestCluster,
  duties: readonly MakeDuty[],
  ids: readonly number[] = cluster.brokers.map(({ id }) => id),
): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const id of ids) candidates.push(await stand(cluster, id, duties));
  return candidates;
}

/** A duty that wants nothing, and knows of the term. */
function remember(terms: Term[]): MakeDuty {
  return (term) => {
    terms.push(term);
    return {
      name: "remember",
      begin: () => undefined,
      notice: () => undefined,
      next: () => undefined,
      refused: () => undefined,
    };
  };
}
