/** `corral delete`: removes a znode, or with -r everything below it too, in one transaction. */
import type { Command } from "../command.ts";
import { matchFrom, VERSION_FLAG, wholeNumber } from "../values.ts";

export const remove: Command = {
  name: "delete",
  usage: "PATH",
  summary: "deletes a znode; prints how many were deleted",
  flags: {
    recursive: { type: "boolean", short: "r", help: "with everything below it, all or nothing" },
    max: { type: "string", value: "N", help: "with -r: more znodes than this are refused. Default 10000" },
    version: VERSION_FLAG,
  },
  async run({ connect, args, flags, output }) {
    const path = args[0]!;
    const max = flags.get("max")?.[0];
    const nodesMax = max === undefined ? {} : { nodesMax: wholeNumber("--max", max) };
    const ifMatch = matchFrom(flags);
    const client = await connect();
    const deleted = await client.delete(path, {
      recursive: flags.has("recursive"),
      ifMatch,
      ...nodesMax,
    });
    output.item({ path, deleted }, () => String(deleted));
  },
};
