import type { Client } from "@corral/client";
import { readWriteLock } from "@corral/recipes";

export async function example(client: Client): Promise<void> {
  const catalog = readWriteLock(client, "/locks/catalog", { identity: "importer-3" });

  const writing = await catalog.write.acquire({ timeoutMs: 10_000 });
  await client.create("/catalog/draft-", null, { parents: true, sequential: true, guard: writing.guard });
  // A store elsewhere keeps the greatest token of a writer, and refuses whatever comes with a smaller one.
  console.log("storing the catalog with token", writing.token);

  // From here on others may read too, and nobody has written in between.
  const reading = await catalog.downgrade(writing);
  console.log("checking the catalog with token", reading.token, "valid for", reading.validForMs, "ms");
  await reading.release();

  await catalog.read.with(async ({ guard }) => client.create("/catalog/checked-", null, { sequential: true, guard }));
}
