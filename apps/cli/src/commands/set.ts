/** `corral set`: new data for a znode. */
import type { Command } from "../command.ts";
import { FILE_FLAG, matchFrom, valueFrom, VERSION_FLAG } from "../values.ts";

export const set: Command = {
  name: "set",
  usage: "PATH [VALUE]",
  summary: "changes the data; prints the new version. Without a value: no data",
  flags: { file: FILE_FLAG, version: VERSION_FLAG },
  async run({ connect, args, flags, output }) {
    const path = args[0]!;
    const value = await valueFrom(args[1], flags);
    const ifMatch = matchFrom(flags);
    const client = await connect();
    const stat = await client.set(path, value, { ifMatch });
    output.item({ path, stat }, () => String(stat.version));
  },
};
