import { type Client, op, text } from "@corral/client";
import { consume, type Source } from "@corral/consumer-group";

/** Exactly once, in Corral: what the message brings about and the offset after it are one transaction. */
export async function example(client: Client, source: Source<string>, tell: Tell): Promise<void> {
  await client.create("/shipments");
  const consumer = await consume(client, {
    group: "shippers",
    topics: ["orders"],
    source,
    handle: ({ value }, context) =>
      context.commitWith([op.create("/shipments/s-", value, { codec: text, sequential: true })]),
  });
  for await (const event of await client.subscribe("/shipments", { codec: text, scope: "children" })) {
    if (event.kind === "created") tell(event.path, event.value);
    // A real one goes on.
    if ((await client.children("/shipments")).length === 3) break;
  }
  await consumer.close();
}

type Tell = (...what: readonly unknown[]) => void;
