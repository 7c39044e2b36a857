import type { Client } from "@corral/client";
import { readWriteLock } from "@corral/recipes";

export async function example(client: Client): Promise<void> {
  const catalog = readWriteLock(client, "/locks/catalog", { identity: "importer-3" });

  const writing = await catalog.write.acquire({ timeoutMs: 10_000 });
  store(writing.token, "new catalog");
  await client.update("/catalog", () => null, { create: {}, guard: writing.guard });

  // From here on others may read too, and nobody has written in between. The token is the same.
  const reading = await catalog.downgrade(writing);
  store(reading.token);
  await reading.release();

  await catalog.read.with(({ token }) => store(token));
}

let greatest = 0;

/** Refuses whoever comes too late. Keeps the greatest token of those who write, never one of those who read. */
function store(token: number, text?: string): void {
  if (token < greatest) throw new Error(`token ${token} is behind ${greatest}`);
  if (text !== undefined) greatest = token;
}
