/** `corral tree`: everything below a znode, drawn. */
import type { Command } from "../command.ts";
import { notFound } from "../not-found.ts";

interface Branch {
  readonly name: string;
  readonly children: Branch[];
}

export const tree: Command = {
  name: "tree",
  usage: "[PATH]",
  summary: "everything below a znode, drawn, as it is at one moment",
  flags: {},
  async run({ connect, args, output }) {
    const [path = "/"] = args;
    const client = await connect();
    const { entries } = await client.readTree(path, { values: false });
    if (!entries.has(path)) throw await notFound("tree", path);
    const root: Branch = { name: path, children: [] };
    const branches = new Map([[path, root]]);
    // A parent's path sorts before those of its children.
    for (const at of [...entries.keys()].sort()) {
      if (at === path) continue;
      const cut = at.lastIndexOf("/");
      // The session may see a znode without seeing its parent: then it hangs at the root, by its full path.
      const parent = branches.get(at.slice(0, Math.max(cut, 1)));
      const branch: Branch = { name: parent === undefined ? at : at.slice(cut + 1), children: [] };
      branches.set(at, branch);
      (parent ?? root).children.push(branch);
    }
    output.item(root, () => [path, ...drawn(root.children, "")].join("\n"));
  },
};

function drawn(branches: readonly Branch[], indent: string): string[] {
  return branches.flatMap(({ name, children }, index) => {
    const isLast = index === branches.length - 1;
    return [`${indent}${isLast ? "└─ " : "├─ "}${name}`, ...drawn(children, indent + (isLast ? "   " : "│  "))];
  });
}
