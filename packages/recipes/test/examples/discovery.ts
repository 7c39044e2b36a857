import { type Client, json } from "@corral/client";
import { discovery } from "@corral/recipes";

/** Instances of a service tell where they are; whoever needs it asks one that works. */
export async function example(client: Client): Promise<void> {
  const services = discovery(client, "/services", { codec: json<{ readonly zone: string }>() });
  await using here = await services.provide("billing", { id: "1", address: "127.0.0.1:8080", meta: { zone: "a" } });

  await using billing = await services.consume("billing", { strategy: "round-robin", downAfterErrors: 3 });
  for (let tries = 0; tries < 3; tries++) {
    const instance = await billing.pick();
    const failed = !(await ask(instance.address, `from ${instance.meta.zone}`));
    instance.report(failed);
    if (!failed) break;
  }
  // In another zone from now on.
  await here.update({ address: "127.0.0.1:8080", meta: { zone: "b" } });
}

async function ask(address: string, what: string): Promise<boolean> {
  return address !== "" && what !== "";
}
