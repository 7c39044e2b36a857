/** `corral stat`: what the server keeps of a znode beside its data. */
import type { Command } from "../command.ts";
import { notFound } from "../not-found.ts";

export const stat: Command = {
  name: "stat",
  usage: "PATH",
  summary: "versions, zxids, times, length, number of children, owner",
  flags: {},
  async run({ connect, args, output }) {
    const path = args[0]!;
    const client = await connect();
    const found = await client.stat(path);
    if (found === undefined) throw await notFound("stat", path);
    output.item({ path, stat: found }, () =>
      Object.entries(found)
        .map(
          ([name, value]) =>
            `${name.padEnd(16)}${value}${name === "ctime" || name === "mtime" ? `  ${new Date(value).toISOString()}` : ""}`,
        )
        .join("\n"),
    );
  },
};
