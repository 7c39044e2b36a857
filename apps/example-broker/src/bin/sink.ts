/** The sink as a process. */
import { Effects } from "../sink/effects.ts";
import { serveSink } from "../sink/service.ts";
import { Arguments } from "./arguments.ts";
import { aborted, endSignal, fail, tell } from "./life.ts";

const given = new Arguments(["listen", "file", "plant"]);
const end = endSignal();

async function run(): Promise<void> {
  const effects = new Effects(given.text("file"), given.oneOf("plant", ["loss", "duplicate"]));
  const service = await serveSink(effects, given.address("listen"), fail);
  tell("ready", { port: service.address.port });
  await aborted(end);
  await service.close();
  effects.close();
  process.exit(0);
}

run().catch(fail);
