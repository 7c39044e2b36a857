import type { Client } from "@corral/client";
import { lock } from "@corral/recipes";

export async function example(client: Client): Promise<void> {
  const nightly = lock(client, "/locks/nightly", { identity: "worker-7" });

  const report = await nightly.with(
    async (held) => {
      // Elsewhere, the token goes with every write: whoever stores it refuses one that is smaller than it has seen.
      await store("report of today", { token: held.token, signal: held.signal });
      // In Corral, the guard does the same.
      return client.create("/reports/last", null, { parents: true, guard: held.guard });
    },
    { timeoutMs: 10_000 },
  );
  await client.delete(report.path);
}

let greatest = 0;

async function store(text: string, { token, signal }: { token: number; signal: AbortSignal }): Promise<void> {
  signal.throwIfAborted();
  if (token < greatest) throw new Error(`${text}: token ${token} is behind ${greatest}`);
  greatest = token;
}
