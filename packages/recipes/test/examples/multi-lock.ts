import type { Client } from "@corral/client";
import { lock, multiLock } from "@corral/recipes";

export async function example(client: Client): Promise<void> {
  // In whatever order they are named: all take them in the order of their paths.
  const transfer = multiLock(client, [lock(client, "/locks/accounts/7"), lock(client, "/locks/accounts/3")]);

  await transfer.with(
    async (held) => {
      // Each store gets the token of its own lock, and refuses one that is smaller than it has seen.
      const [three, seven] = held.tokens;
      console.log("from account 3 with token", three, "to account 7 with token", seven);
      // In Corral one write is guarded by both.
      await client.create("/transfers/done-", null, { parents: true, sequential: true, guard: held.guards });
    },
    { timeoutMs: 10_000 },
  );
}
