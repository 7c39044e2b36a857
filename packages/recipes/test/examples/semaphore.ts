import type { Client } from "@corral/client";
import { semaphore } from "@corral/recipes";

export async function example(client: Client): Promise<void> {
  const licences = semaphore(client, "/licences/render", { permits: 3, onMismatch: "use-stored" });

  await licences.with(
    async (held) => {
      // Permits are held side by side, so the token is only a name. The guard says whether this one is still held.
      const frame = `/frames/${held.token}`;
      await client.create(frame, null, { parents: true, guard: held.guard });
      await client.delete(frame, { guard: held.guard });
    },
    { timeoutMs: 10_000 },
  );

  // One truth for all, from now on. Nobody loses a permit that he holds.
  await licences.resize(5);
  const held = await licences.tryAcquire();
  // Undefined if none is left: `licences.holders()` tells who has them.
  await held?.release();
}
