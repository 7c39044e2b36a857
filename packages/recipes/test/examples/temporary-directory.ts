import { type Client, text } from "@corral/client";
import { temporaryDirectory } from "@corral/recipes";

export async function example(client: Client): Promise<void> {
  // Gone at the end of this block, and also when this process dies in the middle of it.
  await using scratch = await temporaryDirectory(client, "/scratch", { prefix: "build-" });

  await scratch.create("shards/0", "compiling", { codec: text, parents: true });
  await scratch.create("shards/1", "waiting", { codec: text });
  // In Corral the guard goes with every write, elsewhere the token: whoever stores it refuses one smaller than it has seen.
  await client.set(`${scratch.path}/shards/0`, "done", { codec: text, guard: scratch.guard });
  await upload("shard 0", { token: scratch.token, signal: scratch.signal });
  console.log(await scratch.list("shards"));
}

async function upload(what: string, { token, signal }: { token: number; signal: AbortSignal }): Promise<void> {
  signal.throwIfAborted();
  console.log(`uploading ${what} as ${token}`);
}
