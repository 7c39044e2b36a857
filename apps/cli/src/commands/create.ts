/**
 * `corral create`: a znode that stays. Ephemerals are not offered: they would go with the session, which ends with this
 * very call.
 */
import type { Lifetime } from "@corral/client";
import type { Command } from "../command.ts";
import { UsageError } from "../usage-error.ts";
import { duration, FILE_FLAG, valueFrom } from "../values.ts";

export const create: Command = {
  name: "create",
  usage: "PATH [VALUE]",
  summary: "creates a znode; prints its path",
  flags: {
    file: FILE_FLAG,
    sequential: { type: "boolean", short: "s", help: "ten digits, which grow, are appended to the path" },
    container: { type: "boolean", short: "c", help: "goes some time after its last child has gone" },
    ttl: {
      type: "string",
      value: "TIME",
      help: "goes when it has had no children and no change for so long: 30s, 5m, 2h, 1d",
    },
    parents: { type: "boolean", short: "p", help: "missing parents are created first" },
  },
  async run({ connect, args, flags, output }) {
    const value = await valueFrom(args[1], flags);
    const options = {
      lifetime: lifetimeFrom(flags),
      sequential: flags.has("sequential"),
      parents: flags.has("parents"),
    };
    const client = await connect();
    const { path, stat } = await client.create(args[0]!, value, options);
    output.item({ path, stat }, () => path);
  },
};

function lifetimeFrom(flags: ReadonlyMap<string, readonly string[]>): Lifetime {
  const ttl = flags.get("ttl")?.[0];
  if (ttl === undefined) return flags.has("container") ? "container" : "persistent";
  if (flags.has("container")) throw new UsageError("--ttl and --container exclude each other");
  return { ttlMs: duration("--ttl", ttl) };
}
