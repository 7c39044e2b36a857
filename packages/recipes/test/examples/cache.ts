import { type Client, json } from "@corral/client";
import { cache } from "@corral/recipes";

interface Flag {
  readonly isOn: boolean;
}

export async function example(client: Client): Promise<void> {
  const codec = json<Flag>({ empty: { isOn: false } });
  await using flags = await cache(client, "/flags", { codec });

  const { stat } = await client.create("/flags/dark-mode", { isOn: false }, { codec, parents: true });
  // Mostly there already; after this, certainly.
  await flags.atLeast(stat.mzxid);
  const isOn = (): boolean => flags.get("/flags/dark-mode")?.value.isOn === true;

  const switching = client.set("/flags/dark-mode", { isOn: true }, { codec });
  for await (const change of flags.changes()) {
    // Told of what has changed, look at what is.
    if (change.path === "/flags/dark-mode" && isOn()) break;
  }
  await switching;
  await client.delete("/flags", { recursive: true });
}
