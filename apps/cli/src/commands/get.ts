/** `corral get`: the data of a znode. */
import type { Command } from "../command.ts";
import { jsonData } from "../output.ts";

export const get: Command = {
  name: "get",
  usage: "PATH",
  summary: "the data, byte for byte; on a terminal a line break follows",
  flags: {},
  async run({ connect, args, output }) {
    const path = args[0]!;
    const client = await connect();
    const { value, stat } = await client.get(path);
    if (output.isJson) return output.item({ path, ...jsonData(value), stat }, () => "");
    if (value !== null) output.bytes(value);
    if (process.stdout.isTTY) output.bytes(new TextEncoder().encode("\n"));
  },
};
