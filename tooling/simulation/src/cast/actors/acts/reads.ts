/** Reads, and the watches and subscriptions that come with them. */
import { isCorralError, read } from "@corral/client";
import { between, oneOf } from "@corral/testing/world";
import { type Act, anyPath, parentPath, USERS } from "./paths.ts";

export const get: Act = async ({ actor, draw }) => {
  const { client } = actor;
  const path = anyPath(draw);
  const isLinearizable = draw() < 0.2;
  const consistency = isLinearizable ? "linearizable" : "session";
  const wait = draw() < 0.3 ? actor.waitFor(path, "znode") : undefined;
  const start = actor.stage.nextEvent();
  await actor.call(
    "get",
    path,
    undefined,
    async () => {
      const entry = await client.get(path, { consistency, ...(wait === undefined ? {} : { watch: wait.watch }) });
      wait?.set(entry.stat.mzxid, undefined);
      actor.saw(path, entry.stat, start, isLinearizable);
    },
    () => undefined,
  );
};

export const stat: Act = async ({ actor, draw }) => {
  const { client } = actor;
  const path = anyPath(draw);
  const wait = draw() < 0.3 ? actor.waitFor(path, "znode") : undefined;
  const start = actor.stage.nextEvent();
  await actor.call(
    "stat",
    path,
    undefined,
    async () => {
      const seen = await client.stat(path, wait === undefined ? {} : { watch: wait.watch });
      wait?.set(seen?.mzxid ?? 0, undefined);
      actor.saw(path, seen, start, false);
    },
    () => undefined,
  );
};

export const children: Act = ({ actor, draw }) => {
  const path = parentPath(draw);
  const wait = draw() < 0.3 ? actor.waitFor(path, "children") : undefined;
  return actor.call(
    "children",
    path,
    undefined,
    async () => {
      // The watch is set with the first page; more than one could show later changes.
      const names = await actor.client.children(path, wait === undefined ? {} : { watch: wait.watch });
      if (names.length < ONE_PAGE) wait?.set(0, names.join());
    },
    () => undefined,
  );
};
/** So many names fit into the smallest page. */
const ONE_PAGE = 20;

export const list: Act = ({ actor, draw }) => {
  const path = draw() < 0.3 ? "/acl" : parentPath(draw);
  const include = oneOf(draw, ["names", "stat", "data"] as const);
  const pageSize = between(draw, 0, 4);
  return actor.call(
    "list",
    path,
    undefined,
    async () => {
      for await (const child of actor.client.list(path, { include, pageSize })) void child;
    },
    () => undefined,
  );
};

export const multiRead: Act = ({ actor, draw }) =>
  actor.call(
    "multiRead",
    "",
    undefined,
    () => actor.client.multiRead([read.get(anyPath(draw)), read.stat("/w"), read.children(parentPath(draw))]),
    () => undefined,
  );

export const others: Act = ({ actor, draw }) => {
  const { client } = actor;
  return oneOf(draw, [
    () =>
      actor.call(
        "sync",
        "/",
        undefined,
        () => client.sync(),
        () => undefined,
      ),
    () =>
      actor.call(
        "whoAmI",
        "",
        undefined,
        () => client.whoAmI(),
        () => undefined,
      ),
    () =>
      actor.call(
        "ephemerals",
        "/",
        undefined,
        () => client.ephemerals(),
        () => undefined,
      ),
    () =>
      actor.call(
        "count",
        "/w",
        undefined,
        () => client.countDescendants("/w"),
        () => undefined,
      ),
    () =>
      actor.call(
        "getAcl",
        "/acl/p",
        undefined,
        () => client.getAcl("/acl/p"),
        () => undefined,
      ),
    () =>
      actor.call(
        "readTree",
        "/w",
        undefined,
        () => client.readTree("/w"),
        () => undefined,
      ),
    () =>
      actor.call(
        "addAuth",
        "",
        undefined,
        () => client.addAuth("digest", oneOf(draw, USERS)),
        () => undefined,
      ),
  ])();
};

export const addWatch: Act = async ({ actor, draw }) => {
  const path = oneOf(draw, ["/w", "/w/a", "/w/q", "/acl"]);
  const watch = await actor.call(
    "addWatch",
    path,
    undefined,
    () => actor.client.addWatch(path, { recursive: draw() < 0.5 }),
    () => undefined,
  );
  if (watch !== undefined) actor.keep(watch);
};

export const closeWatch: Act = ({ actor }) => actor.closeWatch();

export const removeWatches: Act = ({ actor, draw }) => {
  const path = oneOf(draw, ["/w/a", "/w/q"]);
  const type = oneOf(draw, ["persistent", "recursive"] as const);
  return actor.call(
    "removeWatches",
    path,
    undefined,
    () => actor.client.removeWatches(path, { type }),
    () => undefined,
  );
};

export const follow: Act = async ({ actor, draw }) => {
  const path = oneOf(draw, ["/w", "/w/a", "/w/q", "/w/b/x"]);
  const scope = oneOf(draw, ["tree", "tree", "node", "children"] as const);
  try {
    await actor.follow(path, scope, oneOf(draw, [1, 2, 8, 64]), draw);
  } catch (error) {
    // Not opened: as any other call may fail.
    if (!isCorralError(error)) throw error;
  }
};

export const unfollow: Act = ({ actor, draw }) => actor.unfollow(draw);
