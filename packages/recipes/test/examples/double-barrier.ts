import type { Client } from "@corral/client";
import { doubleBarrier } from "@corral/recipes";

export async function example(client: Client): Promise<void> {
  // Mostly each party is a process of its own, with a client of its own.
  await Promise.all(["a", "b", "c"].map((identity) => party(client, identity)));
}

async function party(client: Client, identity: string): Promise<void> {
  const step = doubleBarrier(client, "/barriers/step", { parties: 3, identity });
  for (let i = 0; i < 2; i++) {
    // Nobody passes before all three are there …
    const entered = await step.enter({ timeoutMs: 10_000 });
    // … and what a party does while it is inside, it does under its guard.
    const path = `/steps/${entered.round}-${identity}`;
    await client.create(path, null, { parents: true, guard: entered.guard });
    // Nobody begins the next one before all three have left this one.
    await entered.leave({ timeoutMs: 10_000 });
    await client.delete(path);
  }
}
