import { type Client, text } from "@corral/client";
import { temporaryDirectory } from "@corral/recipes";

export async function example(client: Client): Promise<void> {
  // Gone at the end of this block, and also when this process dies in the middle of it.
  await using scratch = await temporaryDirectory(client, "/scratch", { prefix: "build-" });

  await scratch.create("shards/0", "compiling", { codec: text, parents: true });
  await scratch.create("shards/1", "waiting", { codec: text });
  for (const shard of await scratch.list("shards")) {
    // In Corral the guard goes with every write, elsewhere the token: whoever stores it refuses one smaller than it has seen.
    await store(shard, { token: scratch.token, signal: scratch.signal });
    await client.set(`${scratch.path}/shards/${shard}`, "done", { codec: text, guard: scratch.guard });
  }
}

let greatest = 0;

async function store(what: string, { token, signal }: { token: number; signal: AbortSignal }): Promise<void> {
  signal.throwIfAborted();
  if (token < greatest) throw new Error(`${what}: token ${token} is behind ${greatest}`);
  greatest = token;
}
