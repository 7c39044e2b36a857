/** Writes in the shapes in which bugs were found elsewhere: operations that lean on each other, tails that fail, names that repeat. */
import { op, type Operation, type WriteOptions } from "@corral/client";
import { between, oneOf } from "@corral/testing/world";
import { statFields, type Step } from "../actor.ts";
import { TAG_ROOT, tagData } from "../../../check/witness.ts";
import { OPEN, READ_ONLY } from "../../../model/acl.ts";
import { type Act, anyPath, CLOSED, parentPath, PATHS } from "./paths.ts";

/** A guard that always holds carries the tag of a write that has no data. */
export const tagged = (tag: string): WriteOptions => ({ guard: { path: TAG_ROOT + tag, absent: true } });

const data = ({ actor, draw, tag }: Step): Uint8Array => tagData(tag, between(draw, 0, actor.stage.plan.valueBytes));

export const created = ({
  path,
  stat,
}: {
  readonly path: string;
  readonly stat: Parameters<typeof statFields>[0];
}): unknown => ({ path, stat: statFields(stat) });

export const create: Act = (step) => {
  const { actor, draw, tag } = step;
  const { client } = actor;
  const path = anyPath(draw);
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
    () => client.create(path, data(step), { lifetime, acl, parents: draw() < 0.3 }),
    created,
  );
};

export const createSequential: Act = (step) => {
  const { actor, draw, tag } = step;
  const { client } = actor;
  const path = `${parentPath(draw)}/n-`;
  const lifetime = oneOf(draw, ["persistent", "ephemeral", { ttlMs: between(draw, 50, 3_000) }] as const);
  return actor.call(
    "create",
    path,
    tag,
    () => client.create(path, data(step), { lifetime, sequential: true }),
    created,
  );
};

export const set: Act = (step) => {
  const { actor, draw, tag } = step;
  const { client } = actor;
  const path = anyPath(draw);
  const version = draw() < 0.3 ? { ifMatch: { version: between(draw, 0, 3) } } : {};
  return actor.call("set", path, tag, () => client.set(path, data(step), version), statFields);
};

export const remove: Act = (step) => {
  const { actor, draw, tag } = step;
  const { client } = actor;
  const path = anyPath(draw);
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
export const removeChild: Act = async ({ actor, draw, tag }) => {
  const parent = parentPath(draw);
  const names = await actor.call(
    "children",
    parent,
    undefined,
    () => actor.client.children(parent),
    () => undefined,
  );
  const path = names === undefined || names.length === 0 ? undefined : `${parent}/${oneOf(draw, names)}`;
  if (path === undefined) return;
  await actor.call(
    "delete",
    path,
    tag,
    () => actor.client.delete(path, tagged(tag)),
    (count) => count,
  );
};

export const removeTree: Act = ({ actor, draw, tag }) => {
  const path = oneOf(draw, ["/w/a", "/w/b", "/w/q", "/w/b/x"]);
  return actor.call(
    "deleteTree",
    path,
    tag,
    () => actor.client.delete(path, { ...tagged(tag), recursive: true, nodesMax: 100 }),
    (count) => count,
  );
};

export const setAcl: Act = ({ actor, draw, tag }) => {
  const path = oneOf(draw, CLOSED);
  const acl = oneOf(draw, [
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
function operations(step: Step): Operation<unknown>[] {
  const { draw } = step;
  const path = oneOf(draw, PATHS);
  const shape: readonly Operation<unknown>[] = oneOf(draw, [
    [op.create(path, data(step)), op.delete(path)],
    [
      op.create(path),
      op.set(path, data(step)),
      op.create(`${path}/n-`, null, { sequential: true, lifetime: "ephemeral" }),
    ],
    [op.set(path, data(step)), op.check(path, { version: between(draw, 0, 3) })],
    [op.delete(path), op.create(path, data(step), { lifetime: "ephemeral" })],
    [op.create("/w/q/m-", data(step), { sequential: true }), op.create("/w/q/m-", null, { sequential: true })],
    [op.create("/w/b/x/deep/er", data(step), { parents: true }), op.delete("/w/b/x/deep/er"), op.delete("/w/b/x/deep")],
  ]);
  return draw() < 0.4 ? [...shape, op.delete("/w/never")] : [...shape];
}

export const plainResult = (result: unknown): unknown => {
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

export const multi: Act = (step) => {
  const { actor, tag } = step;
  const list = operations(step);
  return actor.call(
    "multi",
    "",
    tag,
    () => actor.client.multi(list, tagged(tag)),
    (results) => (results as readonly unknown[]).map(plainResult),
  );
};

export const multiEach: Act = (step) => {
  const { actor, tag } = step;
  const list = operations(step);
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
