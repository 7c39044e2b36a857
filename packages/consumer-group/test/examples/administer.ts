import type { Client } from "@corral/client";
import { consume, groupAdmin, type Source } from "@corral/consumer-group";

/** What groups there are, how far they are behind, and to let one begin anew. */
export async function example(client: Client, source: Source<string>, tell: Tell): Promise<void> {
  const consumer = await consume(client, { group: "auditors", topics: ["orders"], source, handle: () => {} });
  const admin = groupAdmin(client);
  for (const { group, members } of await admin.list()) {
    const { state, assignor } = await admin.describe(group);
    tell(group, state, `${members} members`, assignor);
    for (const { topic, partition, committed, lag } of await admin.lag(group, source))
      tell(`${topic}/${partition}`, committed, `${lag} behind`);
  }
  await consumer.close();
  // Only of partitions that nobody has claimed.
  await admin.resetOffsets("auditors", { to: { shift: -1 }, source });
  await admin.deleteGroup("auditors");
}

type Tell = (...what: readonly unknown[]) => void;
