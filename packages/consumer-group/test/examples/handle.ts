import type { Client } from "@corral/client";
import { consume, type Source } from "@corral/consumer-group";

/** At least once: after a crash, what was handled and not yet committed is handled again. */
export async function example(client: Client, source: Source<string>, tell: Tell): Promise<void> {
  const stop = new AbortController();
  await using consumer = await consume(client, {
    group: "mailers",
    topics: ["orders"],
    source,
    handle: async ({ value, offset }, { partition, signal }) => {
      // Twice must be as good as once: here by a name that is the same both times.
      await sendOnce(`${partition.topic}/${partition.partition}@${offset}`, value, signal);
      if (sent.size === 3) stop.abort(); // A real one goes on until it is told to stop.
    },
    onError: (error, { offset }) => (error instanceof SyntaxError && offset !== undefined ? "skip" : "retry"),
    rebalance: {
      assigned: (claims) => tell("mine now:", claims.map(({ partition }) => partition.partition).join(", ")),
    },
  });
  // By order, or because it cannot go on: then the reason says why.
  await aborted(AbortSignal.any([stop.signal, consumer.signal]));
}

const sent = new Map<string, string>();

async function sendOnce(id: string, mail: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  sent.set(id, mail);
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
    if (signal.aborted) resolve();
  });

type Tell = (...what: readonly unknown[]) => void;
