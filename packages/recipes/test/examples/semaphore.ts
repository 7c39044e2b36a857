import type { Client } from "@corral/client";
import { semaphore } from "@corral/recipes";

export async function example(client: Client): Promise<void> {
  const licences = semaphore(client, "/licences/render", { permits: 3, onMismatch: "use-stored" });

  await licences.with(
    async (held) => {
      // Permits are held side by side: the guard says whether this one still is. The token names it.
      await client.create(`/frames/${held.token}`, null, { parents: true, guard: held.guard });
      console.log("rendering with permit", held.token, "and", await licences.available(), "left");
    },
    { timeoutMs: 10_000 },
  );

  console.log("there were", await licences.resize(5), "permits, now there are 5");
  const held = await licences.tryAcquire();
  if (held === undefined) console.log("none left; held by", await licences.holders());
  else await held.release();
}
