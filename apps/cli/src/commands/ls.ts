/** `corral ls`: the children of a znode, or with -R all below it. */
import type { Client, Stat } from "@corral/client";
import type { Command } from "../command.ts";
import { notFound } from "../not-found.ts";

interface Listed {
  readonly name: string;
  readonly path: string;
  /** Undefined where the session may not read it, or where nobody asked. */
  readonly stat: Stat | undefined;
}

export const ls: Command = {
  name: "ls",
  usage: "[PATH]",
  summary: "the children of a znode (default /)",
  flags: {
    recursive: { type: "boolean", short: "R", help: "everything below it, as it is at one moment; full paths" },
    long: {
      type: "boolean",
      short: "l",
      help: "with version, length, number of children, time of the last change, and kind",
    },
  },
  async run({ connect, args, flags, output }) {
    const [path = "/"] = args;
    const isLong = flags.has("long");
    const isRecursive = flags.has("recursive");
    const client = await connect();
    const listed = isRecursive ? await below(client, path) : await children(client, path, isLong);
    for (const { name, path: at, stat } of listed.sort(byPath)) {
      const shown = isRecursive ? at : name;
      output.item({ path: at, ...(isLong ? { stat: stat ?? null } : {}) }, () =>
        isLong ? longLine(shown, stat) : shown,
      );
    }
  },
};

async function children(client: Client, path: string, isLong: boolean): Promise<Listed[]> {
  const listed: Listed[] = [];
  for await (const { name, path: at, stat } of client.list(path, { include: isLong ? "stat" : "names" }))
    listed.push({ name, path: at, stat });
  return listed;
}

async function below(client: Client, path: string): Promise<Listed[]> {
  const { entries } = await client.readTree(path, { values: false });
  if (!entries.has(path)) throw await notFound("ls", path);
  return [...entries.values()]
    .filter((entry) => entry.path !== path)
    .map(({ path: at, stat }) => ({ name: at, path: at, stat }));
}

const byPath = (a: Listed, b: Listed): number => (a.path < b.path ? -1 : 1);

/** Columns: kind, version, bytes, children, time of the last change, name. */
function longLine(name: string, stat: Stat | undefined): string {
  if (stat === undefined)
    return `?  ${"-".padStart(6)}  ${"-".padStart(9)}  ${"-".padStart(7)}  ${"-".padEnd(24)}  ${name}`;
  const { version, dataLength, numChildren, mtime, ephemeralOwner } = stat;
  const numbers = [String(version).padStart(6), String(dataLength).padStart(9), String(numChildren).padStart(7)];
  return [ephemeralOwner === 0 ? "-" : "e", ...numbers, new Date(mtime).toISOString(), name].join("  ");
}
