import { type Client, json } from "@corral/client";
import { register } from "@corral/recipes";

/** A broker is known by a znode that lives as long as it does, and comes back by itself after a loss of the session. */
export async function example(client: Client): Promise<void> {
  const codec = json<{ readonly host: string }>();
  await using broker = await register(client, "/brokers/ids/1", { host: "10.0.0.1" }, { codec, parents: true });
  await broker.update({ host: "10.0.0.2" });

  // Each life has a greater epoch, and what an earlier one has begun is refused.
  const { epoch, guard } = broker;
  // Aborted when it is over for good: another process has taken this id, for instance.
  await client.create(`/log/${epoch}`, null, { parents: true, guard, signal: broker.signal });
}
