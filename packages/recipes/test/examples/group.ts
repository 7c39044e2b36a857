import { type Client, json } from "@corral/client";
import { group } from "@corral/recipes";

/** Who shares the work, and which part of it is whose. */
export async function example(client: Client): Promise<void> {
  await using workers = group(client, "/groups/resizers", { codec: json<{ readonly cpus: number }>() });
  await using me = await workers.join("worker-7", { cpus: 4 });

  // Told once nobody has come or gone for a while, so that a restart of many is one change.
  for await (const { members, generation } of workers.changes({ quietMs: 50 })) {
    const share = [...members.keys()].indexOf("worker-7");
    // Not listed: not there yet, or lost; the next state tells.
    if (share < 0) continue;
    // Each state has a greater generation, and what an earlier life of this member has begun is refused.
    await client.create(`/tasks/${generation}-${share}`, null, { parents: true, guard: me.guard });
    break;
  }
}
