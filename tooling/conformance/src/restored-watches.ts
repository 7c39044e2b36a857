// What a session that was away tells to have been watching. It owns the choice of paths: those where ZooKeeper's rule
// (compare the znode with what the client saw last) and Corral's (send what was missed) come to the same event, and
// rarely the others, whose watches the two servers then hold alike all the same.
import type { Draw } from "./draw.ts";
import type { Effect, Model } from "./model.ts";
import type { SetWatches } from "./operation.ts";

/** `before`: the paths that were there when the session left; `missed`: what has happened since, in order. */
export function restoredWatches(
  { random, model, session, watchStyle }: Draw,
  before: ReadonlySet<string>,
  missed: readonly Effect[],
): SetWatches {
  const lists = { data: [], exists: [], children: [], persistent: [], recursive: [] } as Record<
    "data" | "exists" | "children" | "persistent" | "recursive",
    string[]
  >;
  for (const path of new Set(["/a", "/b", "/c", ...before])) {
    if (!random.chance(0.5)) continue;
    const own = missed.filter((effect) => effect.path === path);
    const style = watchStyle(path);
    if (style !== "oneShot") {
      const below = missed.filter(
        (effect) => effect.path === path || effect.path.startsWith(path === "/" ? "/" : `${path}/`),
      );
      if ((style === "recursive" ? below : own).length === 0 || random.chance(0.2)) lists[style].push(path);
    } else if (hidden(model, session, path, own)) continue;
    else if (!before.has(path)) {
      if (agreed(own, ["created"], model.node(path) === undefined ? undefined : "created")) lists.exists.push(path);
    } else {
      const data = agreed(own, ["created", "deleted", "dataChanged"], dataRule(model, path, own));
      const children = agreed(own, ["childrenChanged", "deleted"], childrenRule(model, path, own));
      const gone = own.some(({ type }) => type === "deleted");
      if (data && random.chance(0.6)) lists.data.push(path);
      // Of a znode that is gone ZooKeeper tells a data and a child watcher each.
      if (children && (!gone || !lists.data.includes(path))) lists.children.push(path);
    }
  }
  return { op: "setWatches", ...lists };
}

/** Of what a session may not read, then or now, ZooKeeper tells it all the same in answer to setWatches. */
function hidden(model: Model, session: number, path: string, own: readonly Effect[]): boolean {
  const acls = [model.node(path)?.acl, ...own.map(({ acl }) => acl)];
  return acls.some((acl) => acl !== undefined && !model.mayRead(session, acl));
}

/** Is the first event that was missed the one that ZooKeeper makes up from the state? */
function agreed(own: readonly Effect[], heard: readonly Effect["type"][], rule: Effect["type"] | undefined): boolean {
  return own.find(({ type }) => heard.includes(type))?.type === rule;
}

function dataRule(model: Model, path: string, own: readonly Effect[]): Effect["type"] | undefined {
  if (model.node(path) === undefined) return "deleted";
  return own.some(({ type }) => type === "created" || type === "dataChanged") ? "dataChanged" : undefined;
}

function childrenRule(model: Model, path: string, own: readonly Effect[]): Effect["type"] | undefined {
  if (model.node(path) === undefined) return "deleted";
  return own.some(({ type }) => type === "created" || type === "childrenChanged") ? "childrenChanged" : undefined;
}
