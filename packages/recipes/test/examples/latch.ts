import type { Client } from "@corral/client";
import { latch } from "@corral/recipes";

export async function example(client: Client): Promise<void> {
  const loaded = latch(client, "/latches/shards-loaded", 3);
  const open = loaded.wait({ timeoutMs: 10_000 });

  // A worker that does not know whether it has told may tell again: a key counts once.
  for (const shard of ["a", "b", "b"]) await loaded.countDown(shard);
  if ((await loaded.left()) === 1) await loaded.countDown("c");

  await open;
  await loaded.reset();
}
