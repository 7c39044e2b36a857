import type { Client } from "@corral/client";
import { lock, multiLock } from "@corral/recipes";

export async function example(client: Client): Promise<void> {
  // In whatever order they are named: everybody takes them in the order of their paths.
  const both = multiLock(client, [lock(client, "/locks/accounts/7"), lock(client, "/locks/accounts/3")]);

  await both.with(
    async (held) => {
      for (const { name, token } of held.holds) store(name, token);
      // In Corral one write is guarded by both.
      await client.update("/transfers", () => null, { create: {}, guard: held.guards });
    },
    { timeoutMs: 10_000 },
  );
}

const greatest = new Map<string, number>();

/** Refuses whoever comes too late: each account has a lock of its own, and goes by the tokens of that. */
function store(account: string, token: number): void {
  if (token < (greatest.get(account) ?? 0)) throw new Error(`token ${token} is too late for ${account}`);
  greatest.set(account, token);
}
