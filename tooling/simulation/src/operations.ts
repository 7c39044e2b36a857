/** What actors do: every operation of the client, in the shapes in which bugs were found elsewhere. */
import { isCorralError, op, type Operation, read, type WriteOptions } from "@corral/client";
import { between, oneOf } from "@corral/testing/world";
import { type Actor, statFields } from "./actor.ts";
import { TAG_ROOT, tagData } from "./check/witness.ts";
import { OPEN, READ_ONLY } from "./model/acl.ts";

/** Few paths, so that clients meet. Znodes below /acl may be closed to some; nobody subscribes there. */
export const ROOTS: readonly string[] = ["/w", "/acl"];
const PATHS: readonly string[] = ["/w/a", "/w/b", "/w/c", "/w/a/x", "/w/a/y", "/w/b/x", "/w/b/x/z", "/w/q", "/w/q/r"];
const CLOSED: readonly string[] = ["/acl/p", "/acl/q", "/acl/p/s"];
export const USERS: readonly string[] = ["ann:secret", "bob:hidden"];

type Act = (actor: Actor) => Promise<unknown>;

const anyPath = ({ draw }: Actor): string => (draw() < 0.12 ? oneOf(draw, CLOSED) : oneOf(draw, PATHS));
const parentPath = ({ draw }: Actor): string => oneOf(draw, ["/w", "/w/a", "/w/b", "/w/q", "/w/b/x"]);

/** A guard that always holds carries the tag of a write that has no data. */
const tagged = (tag: string): WriteOptions => ({ guard: { path: TAG_ROOT + tag, absent: true } });

const data = (actor: Actor, tag: string): Uint8Array =>
  tagData(tag, between(actor.draw, 0, actor.stage.plan.valueBytes));

const created = ({
  path,
  stat,
}: {
  readonly path: string;
  readonly stat: Parameters<typeof statFields>[0];
}): unknown => ({ path, stat: statFields(stat) });

const create: Act = (actor) => {
  const { draw, client } = actor;
  const tag = actor.nextTag();
  const path = anyPath(actor);
  const lifetime = oneOf(draw, [
    "persistent",
    "persistent",
    "ephemeral",
    "container",
    { ttlMs: between(draw, 50, 3_000) },
  ] as const);
  const acl = path.startsWith("/acl")
    ? oneOf(draw, [undefined, OPEN, READ_ONLY, [{ permissions: 31, scheme: "auth", id: "" }]])
    : undefined;
  return actor.call(
    "create",
    path,
    tag,
    () => client.create(path, data(actor, tag), { lifetime, acl, parents: draw() < 0.3 }),
    created,
  );
};

const createSequential: Act = (actor) => {
  const { draw, client } = actor;
  const tag = actor.nextTag();
  const path = `${parentPath(actor)}/n-`;
  const lifetime = oneOf(draw, ["persistent", "ephemeral", { ttlMs: between(draw, 50, 3_000) }] as const);
  return actor.call(
    "create",
    path,
    tag,
    () => client.create(path, data(actor, tag), { lifetime, sequential: true }),
    created,
  );
};

const set: Act = (actor) => {
  const { draw, client } = actor;
  const tag = actor.nextTag();
  const path = anyPath(actor);
  const version = draw() < 0.3 ? { ifMatch: { version: between(draw, 0, 3) } } : {};
  return actor.call("set", path, tag, () => client.set(path, data(actor, tag), version), statFields);
};

const remove: Act = (actor) => {
  const { draw, client } = actor;
  const tag = actor.nextTag();
  const path = anyPath(actor);
  const version = draw() < 0.2 ? { ifMatch: { version: between(draw, 0, 2) } } : {};
  return actor.call(
    "delete",
    path,
    tag,
    () => client.delete(path, { ...tagged(tag), ...version }),
    (count) => count,
  );
};

/** One of the children, as this client knows them: sequential ones would fill the parent otherwise. */
const removeChild: Act = async (actor) => {
  const parent = parentPath(actor);
  const names = await actor.call(
    "children",
    parent,
    undefined,
    () => actor.client.children(parent),
    () => undefined,
  );
  const path = names === undefined || names.length === 0 ? undefined : `${parent}/${oneOf(actor.draw, names)}`;
  if (path === undefined) return;
  const tag = actor.nextTag();
  await actor.call(
    "delete",
    path,
    tag,
    () => actor.client.delete(path, tagged(tag)),
    (count) => count,
  );
};

const removeTree: Act = (actor) => {
  const tag = actor.nextTag();
  const path = oneOf(actor.draw, ["/w/a", "/w/b", "/w/q", "/w/b/x"]);
  return actor.call(
    "deleteTree",
    path,
    tag,
    () => actor.client.delete(path, { ...tagged(tag), recursive: true, nodesMax: 100 }),
    (count) => count,
  );
};

const setAcl: Act = (actor) => {
  const tag = actor.nextTag();
  const path = oneOf(actor.draw, CLOSED);
  const acl = oneOf(actor.draw, [
    OPEN,
    READ_ONLY,
    [
      { permissions: 31, scheme: "auth", id: "" },
      { permissions: 1, scheme: "world", id: "anyone" },
    ],
  ]);
  return actor.call("setAcl", path, tag, () => actor.client.setAcl(path, acl, tagged(tag)), statFields);
};

/** Operations that lean on each other, often with a tail that fails. */
function operations(actor: Actor, tag: string): Operation<unknown>[] {
  const { draw } = actor;
  const path = oneOf(draw, PATHS);
  const shape: readonly Operation<unknown>[] = oneOf(draw, [
    [op.create(path, data(actor, tag)), op.delete(path)],
    [
      op.create(path),
      op.set(path, data(actor, tag)),
      op.create(`${path}/n-`, null, { sequential: true, lifetime: "ephemeral" }),
    ],
    [op.set(path, data(actor, tag)), op.check(path, { version: between(draw, 0, 3) })],
    [op.delete(path), op.create(path, data(actor, tag), { lifetime: "ephemeral" })],
    [op.create("/w/q/m-", data(actor, tag), { sequential: true }), op.create("/w/q/m-", null, { sequential: true })],
    [
      op.create("/w/b/x/deep/er", data(actor, tag), { parents: true }),
      op.delete("/w/b/x/deep/er"),
      op.delete("/w/b/x/deep"),
    ],
  ]);
  return draw() < 0.4 ? [...shape, op.delete("/w/never")] : [...shape];
}

const plainResult = (result: unknown): unknown => {
  if (result === undefined) return [];
  const one = result as {
    readonly path?: string;
    readonly stat?: Parameters<typeof statFields>[0];
    readonly czxid?: number;
  };
  return one.czxid === undefined
    ? [one.path, statFields(one.stat!)]
    : [statFields(result as Parameters<typeof statFields>[0])];
};

const multi: Act = (actor) => {
  const tag = actor.nextTag();
  const list = operations(actor, tag);
  return actor.call(
    "multi",
    "",
    tag,
    () => actor.client.multi(list, tagged(tag)),
    (results) => (results as readonly unknown[]).map(plainResult),
  );
};

const multiEach: Act = (actor) => {
  const tag = actor.nextTag();
  const list = operations(actor, tag);
  return actor.call(
    "multiEach",
    "",
    tag,
    () => actor.client.multiEach(list, tagged(tag)),
    (results) =>
      (
        results as readonly {
          readonly ok: boolean;
          readonly value?: unknown;
          readonly error?: { readonly code: string };
        }[]
      ).map((one) => (one.ok ? [0, ...(plainResult(one.value) as unknown[])] : [one.error!.code])),
  );
};

const get: Act = async (actor) => {
  const { draw, client } = actor;
  const path = anyPath(actor);
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

const stat: Act = async (actor) => {
  const { draw, client } = actor;
  const path = anyPath(actor);
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

const children: Act = (actor) => {
  const path = parentPath(actor);
  const wait = actor.draw() < 0.3 ? actor.waitFor(path, "children") : undefined;
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

const list: Act = (actor) => {
  const path = parentPath(actor);
  const include = oneOf(actor.draw, ["names", "stat", "data"] as const);
  const pageSize = between(actor.draw, 0, 4);
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

const multiRead: Act = (actor) =>
  actor.call(
    "multiRead",
    "",
    undefined,
    () => actor.client.multiRead([read.get(anyPath(actor)), read.stat("/w"), read.children(parentPath(actor))]),
    () => undefined,
  );

const others: Act = (actor) => {
  const { client } = actor;
  return oneOf(actor.draw, [
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
        () => client.addAuth("digest", oneOf(actor.draw, USERS)),
        () => undefined,
      ),
  ])();
};

const addWatch: Act = async (actor) => {
  const path = oneOf(actor.draw, ["/w", "/w/a", "/w/q"]);
  const watch = await actor.call(
    "addWatch",
    path,
    undefined,
    () => actor.client.addWatch(path, { recursive: actor.draw() < 0.5 }),
    () => undefined,
  );
  if (watch !== undefined) actor.keep(watch);
};

const closeWatch: Act = (actor) => actor.closeWatch();

const removeWatches: Act = (actor) => {
  const path = oneOf(actor.draw, ["/w/a", "/w/q"]);
  const type = oneOf(actor.draw, ["persistent", "recursive"] as const);
  return actor.call(
    "removeWatches",
    path,
    undefined,
    () => actor.client.removeWatches(path, { type }),
    () => undefined,
  );
};

const follow: Act = async (actor) => {
  const path = oneOf(actor.draw, ["/w", "/w/a", "/w/q", "/w/b/x"]);
  const scope = oneOf(actor.draw, ["tree", "tree", "node", "children"] as const);
  try {
    await actor.follow(path, scope, oneOf(actor.draw, [1, 2, 8, 64]));
  } catch (error) {
    // Not opened: as any other call may fail.
    if (!isCorralError(error)) throw error;
  }
};

const unfollow: Act = (actor) => actor.unfollow();

/** Each with its weight. */
const ACTS: readonly (readonly [number, Act])[] = [
  [14, create],
  [8, createSequential],
  [14, set],
  [8, remove],
  [6, removeChild],
  [1, removeTree],
  [2, setAcl],
  [6, multi],
  [3, multiEach],
  [14, get],
  [8, stat],
  [6, children],
  [2, list],
  [3, multiRead],
  [4, others],
  [2, addWatch],
  [1, closeWatch],
  [1, removeWatches],
  [2, follow],
  [1, unfollow],
];
const TOTAL = ACTS.reduce((sum, [weight]) => sum + weight, 0);

export function doSomething(actor: Actor): void {
  let at = actor.draw() * TOTAL;
  const [, act] = ACTS.find(([weight]) => (at -= weight) < 0)!;
  act(actor).catch((error: unknown) => {
    actor.violation(`${act.name} threw ${String((error as Error)?.stack ?? error)}`);
  });
}
