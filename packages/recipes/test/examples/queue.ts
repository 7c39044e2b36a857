import { type Client, json, op } from "@corral/client";
import { queue } from "@corral/recipes";

export async function example(client: Client): Promise<void> {
  const mails = queue(client, "/queues/mail", { codec: json<{ readonly to: string }>(), depthMax: 10_000 });

  // Done again after an error, the same id is still one job.
  await mails.put({ to: "ann@example.org" }, { id: "welcome-17", dedupeMs: 3_600_000 });

  for await (const taken of mails.take({ timeoutMs: 10_000 })) {
    await using job = taken; // Given back, unless it is acknowledged.
    // Elsewhere, the token goes with every write: whoever stores it refuses one that is smaller than it has seen.
    await send(job.value.to, job.token);
    // In Corral, what is written with the acknowledgement happens exactly once.
    await job.ack({ operations: [op.create("/sent-", null, { sequential: true })] });
    break;
  }
}

const outbox = new Map<string, number>();

async function send(to: string, token: number): Promise<void> {
  if (token > (outbox.get(to) ?? 0)) outbox.set(to, token);
}
