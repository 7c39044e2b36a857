import { type Client, json } from "@corral/client";
import { register } from "@corral/recipes";

/** A broker is known by a znode that lives as long as it does, and comes back by itself after a loss of the session. */
export async function example(client: Client): Promise<void> {
  const codec = json<{ readonly host: string }>();
  await using broker = await register(client, "/brokers/ids/1", { host: "10.0.0.1" }, { codec, parents: true });
  // Over for good, for instance because another process has taken this id: there is nothing left to do.
  broker.signal.addEventListener("abort", () => (process.exitCode = 1), { once: true });

  await broker.update({ host: "10.0.0.2" });
  // Each life has a greater epoch, and what an earlier one has begun is refused.
  await client.create(`/log/${broker.epoch}`, null, { parents: true, guard: broker.guard });
}
