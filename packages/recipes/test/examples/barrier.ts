import type { Client } from "@corral/client";
import { barrier } from "@corral/recipes";

export async function example(client: Client): Promise<void> {
  const maintenance = barrier(client, "/barriers/maintenance");
  const generation = await maintenance.raise();

  // Whoever works looks at it before each piece of work, and waits for as long as it takes.
  const working = maintenance.wait().then(() => client.create("/tasks/done", null, { parents: true }));

  // Only the one that was raised here: a later one, raised by somebody else, stays up.
  await maintenance.lower({ generation });
  const { path } = await working;
  await client.delete(path);
}
