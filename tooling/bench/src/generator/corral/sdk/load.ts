/** The closed loop with the client library, as an application calls it: promises, each awaited. */
import { type Client, connect, isCorralError, op } from "@corral/client";
import type { LoadJob, Mark, Workload } from "../../job.ts";
import { Meter } from "../meter.ts";
import { Keys, MULTI_PATHS, ROOT, VALUE, ephemeralPath } from "../tree.ts";

type Operation = (client: Client, place: number) => Promise<unknown>;

/** In a mix, one of so many operations is a set. */
const MIX_SET_EVERY = 10;

export async function load(url: string, job: LoadJob, say: (mark: Mark) => void): Promise<void> {
  const operation = operationOf(job.workload, new Keys(job.keys));
  const clients = await openAll(url, job.connections);
  try {
    await makeTree(clients[0]!, job);
    const meter = new Meter(job, say);
    const lanes: Promise<void>[] = [];
    for (const client of clients) {
      for (let i = 0; i < job.inFlight; i++) lanes.push(lane(client, lanes.length, operation, meter));
    }
    try {
      await Promise.all(lanes);
    } finally {
      meter.stop();
    }
  } finally {
    await closeAll(clients);
  }
}

export const openAll = (url: string, count: number): Promise<Client[]> =>
  Promise.all(Array.from({ length: count }, () => connect({ servers: [url], session: { onExpired: "close" } })));

export const closeAll = (clients: readonly Client[]): Promise<unknown> =>
  Promise.all(clients.map((client) => client.close()));

export async function createIfMissing(client: Client, path: string, value: Uint8Array | null): Promise<void> {
  try {
    await client.create(path, value);
  } catch (error) {
    if (!isCorralError(error, "NODE_EXISTS")) throw error;
  }
}

async function makeTree(client: Client, { workload, keys }: LoadJob): Promise<void> {
  await createIfMissing(client, ROOT, VALUE);
  if (workload !== "multi" || keys > 0) return;
  for (const path of MULTI_PATHS) await createIfMissing(client, path, VALUE);
}

async function lane(client: Client, place: number, operation: Operation, meter: Meter): Promise<void> {
  while (!meter.isOver) {
    const startedAt = performance.now();
    await operation(client, place);
    meter.ended(startedAt, performance.now());
  }
}

function operationOf(workload: Workload, keys: Keys): Operation {
  switch (workload) {
    case "get":
      return (client) => client.get(keys.draw());
    case "set":
      return (client) => client.set(keys.draw(), VALUE);
    case "mix": {
      let n = 0;
      return (client) => (++n % MIX_SET_EVERY === 0 ? client.set(keys.draw(), VALUE) : client.get(keys.draw()));
    }
    case "ephemeral":
      return async (client, place) => {
        await client.create(ephemeralPath(place), VALUE, { lifetime: "ephemeral" });
        await client.delete(ephemeralPath(place));
      };
    case "multi":
      return (client) => client.multi(keys.drawForMulti().map((path) => op.set(path, VALUE)));
  }
}
