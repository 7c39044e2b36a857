/** A broker as a process. */
import { open } from "@corral/client";
import { startExampleBroker } from "../broker/broker.ts";
import { Arguments } from "./arguments.ts";
import { aborted, endSignal, fail, tell } from "./life.ts";

const given = new Arguments(["corral", "cluster", "id", "data", "listen", "session-ms", "sync"]);
const end = endSignal();

async function run(): Promise<void> {
  const client = open({
    servers: [given.text("corral")],
    session: { timeoutMs: given.whole("session-ms", 6_000) },
  });
  const broker = await startExampleBroker(client, {
    cluster: given.text("cluster"),
    id: given.whole("id"),
    data: given.text("data"),
    listen: given.address("listen"),
    policy: given.oneOf("sync", ["before-ack", "by-system"]) ?? "before-ack",
    say: (what) => {
      tell("says", { what });
    },
    onConfig: ({ type, entity, now }) => {
      tell("config", { type, entity, values: now ?? {} });
    },
  });
  tell("ready", { port: broker.address.port });
  await aborted(end);
  await broker.shutdown();
  await client.close();
  process.exit(0);
}

run().catch(fail);
