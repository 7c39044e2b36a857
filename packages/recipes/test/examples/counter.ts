import type { Client } from "@corral/client";
import { counter } from "@corral/recipes";

export async function example(client: Client): Promise<void> {
  const orders = counter(client, "/counters/orders");
  // Counts exactly once, whatever replies get lost.
  const sum: bigint = await orders.add();

  // Three numbers for this process alone, by one write.
  const { from, to } = await orders.reserve(3);
  for (let number = from; number < to; number++) await client.create(`/orders/${number}`, null, { parents: true });

  // Back to where it was, unless somebody else has counted since.
  if (await orders.compareAndSet(to, sum)) await client.delete("/orders", { recursive: true });
}
