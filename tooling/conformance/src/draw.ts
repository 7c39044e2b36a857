// One random operation at a time: paths, data, versions, ACLs. It owns the key space and the odds inside one
// operation, looks at the model only to hit or to miss on purpose, and decides nothing about order or sessions.
import { openAcl, digestId } from "./acl.ts";
import type { Model } from "./model.ts";
import { maxTtl } from "./model.ts";
import {
  sequentialModes,
  ttlModes,
  type AclEntry,
  type Create,
  type CreateMode,
  type EditWatches,
  type MultiPart,
  type Op,
  type SimpleRead,
} from "./operation.ts";
import { childPath } from "./path.ts";
import type { Random } from "./random.ts";

export const bob = "bob:pw";
export const eve = "eve:pw";
export const root = "super:secret";

/** Few names, so that sessions meet. */
const keySpace = ["/a", "/b", "/c", "/a/x", "/a/y", "/b/x", "/a/x/p", "/b/x/p"] as const;
const badPaths = ["=a", "/a//b", "/b/", "/.", "/a/..", "/a/./x", "/a\0b", "/b/\u0001"] as const;

export interface Draw {
  readonly random: Random;
  readonly model: Model;
  readonly session: number;
  /** May ACLs hide znodes from readers? */
  readonly secrets: boolean;
  /** Watches of which kind this session sets at this path: one kind a path, as older releases keep only one. */
  /** Has another session ever set a watch at this path? */
  readonly watchedByOthers: (path: string) => boolean;
  readonly watchStyle: (path: string) => "oneShot" | "persistent" | "recursive";
}

export const opKinds = {
  "create.persistent": 7,
  "create.ephemeral": 6,
  "create.persistentSequential": 4,
  "create.ephemeralSequential": 4,
  "create.container": 4,
  "create.ttl": 4,
  "create.ttlSequential": 4,
  setData: 8,
  delete: 8,
  exists: 6,
  getData: 7,
  getChildren: 4,
  getChildren2: 4,
  getACL: 4,
  setACL: 5,
  multi: 9,
  multiRead: 4,
  sync: 2,
  getEphemerals: 2,
  getAllChildrenNumber: 4,
  whoAmI: 2,
  ping: 1,
  addWatch: 4,
  removeWatches: 4,
  checkWatches: 4,
} as const;
export type OpKind = keyof typeof opKinds;

/** An operation meant to work, or, with `mischief`, one meant to be refused. Neither is sure to be. */
export function drawOp(draw: Draw, kind: OpKind, mischief: boolean): Op {
  const { random } = draw;
  switch (kind) {
    case "setData":
      return drawSetData(draw, mischief);
    case "delete":
      return drawDelete(draw, mischief);
    case "exists":
    case "getData":
    case "getChildren":
    case "getChildren2": {
      const path = existing(draw, mischief);
      return { op: kind, path, watch: draw.watchStyle(path) === "oneShot" && random.chance(0.5) };
    }
    case "getACL":
    case "getAllChildrenNumber":
      return { op: kind, path: existing(draw, mischief) };
    case "getEphemerals":
      return { op: kind, path: random.pick(["/", "/a", "/b", "/a/x"]) };
    case "sync":
      return { op: kind, path: existing(draw, mischief) };
    case "setACL": {
      const path = someNode(draw, mischief);
      const aversion = draw.model.node(path)?.aversion ?? 0;
      return {
        op: kind,
        path: mischief ? spoil(draw, path) : path,
        acl: drawAcl(draw, mischief && random.chance(0.5)),
        version: drawVersion(draw, aversion, mischief),
      };
    }
    case "multi":
      return { op: kind, parts: drawParts(draw, mischief) };
    case "multiRead":
      return { op: kind, parts: Array.from({ length: 1 + random.below(4) }, () => drawSimpleRead(draw, mischief)) };
    case "addWatch": {
      let path = existing(draw, random.chance(0.3));
      for (let tries = 0; tries < 8 && draw.watchStyle(path) === "oneShot"; tries++)
        path = random.pick([...draw.model.paths(), ...keySpace]);
      const style = draw.watchStyle(path);
      return style === "oneShot" ? { op: "exists", path, watch: true } : { op: kind, path, mode: style };
    }
    case "removeWatches":
    case "checkWatches":
      return drawEditWatches(draw, kind);
    case "whoAmI":
    case "ping":
      return { op: kind };
    default:
      return drawCreate(draw, kind.slice("create.".length) as CreateMode, mischief);
  }
}

function drawCreate(draw: Draw, mode: CreateMode, mischief: boolean): Create {
  const { random, model } = draw;
  const sequential = sequentialModes.has(mode);
  const parents = model.paths().filter((path) => model.node(path)?.owner === undefined);
  let path: string;
  if (sequential) {
    const parent = random.pick(mischief ? [...keySpace, ...model.paths()] : parents);
    path = childPath(parent, random.pick(parent === "/" ? ["s-", "q"] : ["s-", "q", ""]));
  } else
    path = random.chance(0.7)
      ? random.pick(keySpace)
      : childPath(random.pick(parents), random.pick(["x", "y", "p", "z"]));
  if (path.split("/").length > 6) path = random.pick(keySpace);
  if (mischief) path = spoil(draw, path);
  const badTtl = mischief && random.chance(0.4);
  const ttl = badTtl ? random.pick([0, -1, maxTtl + 1]) : random.pick([3_600_000, 86_400_000, maxTtl]);
  const acl = drawAcl(draw, mischief && random.chance(0.35));
  const plain = { op: "create", path, data: drawData(draw), acl, mode } as const;
  if (ttlModes.has(mode)) return { ...plain, ttl, stat: true };
  return { ...plain, stat: mode === "container" || random.chance(0.5) };
}

function drawSetData(draw: Draw, mischief: boolean): MultiPart & { op: "setData" } {
  const path = someNode(draw, mischief);
  const version = drawVersion(draw, draw.model.node(path)?.version ?? 0, mischief);
  return { op: "setData", path: mischief ? spoil(draw, path) : path, data: drawData(draw), version };
}

function drawDelete(draw: Draw, mischief: boolean): MultiPart & { op: "delete" } {
  const { random, model } = draw;
  const leaves = model.paths().filter((path) => path !== "/" && !model.hasChildren(path));
  let path = !mischief && leaves.length > 0 ? random.pick(leaves) : someNode(draw, mischief);
  if (path === "/") path = random.pick(keySpace);
  const version = drawVersion(draw, model.node(path)?.version ?? 0, mischief);
  if (mischief && random.chance(0.05)) return { op: "delete", path: random.pick(["=/zookeeper", "=/"]), version: -1 };
  return { op: "delete", path: mischief && random.chance(0.4) ? spoil(draw, path) : path, version };
}

function drawCheck(draw: Draw, mischief: boolean): MultiPart {
  const path = someNode(draw, mischief);
  return {
    op: "check",
    path: mischief ? spoil(draw, path) : path,
    version: drawVersion(draw, draw.model.node(path)?.version ?? 0, mischief),
  };
}

/** Parts that build on each other, with mischief one that fails among them and a tail behind it. */
function drawParts(draw: Draw, mischief: boolean): MultiPart[] {
  const { random } = draw;
  const scratch: Draw = { ...draw, model: draw.model.copy() };
  const parts: MultiPart[] = [];
  const add = (bad: boolean): void => {
    let part = drawPart(scratch, bad);
    for (let tries = 0; tries < 8 && (scratch.model.foretell(draw.session, part).error === "OK") === bad; tries++)
      part = drawPart(scratch, bad);
    if (scratch.model.foretell(draw.session, part).error === "OK" && part.op !== "check")
      scratch.model.apply(draw.session, part);
    parts.push(part);
  };
  if (!mischief && random.chance(0.03)) return parts;
  for (let left = 1 + random.below(4); left > 0; left--) add(false);
  if (mischief) for (let left = 1 + random.below(2); left > 0; left--) add(left === 1 || random.chance(0.5));
  if (mischief && random.chance(0.5)) add(random.chance(0.3));
  return parts;
}

function drawPart(draw: Draw, mischief: boolean): MultiPart {
  const kind = draw.random.weighted({ create: 4, setData: 3, delete: 2, check: 3 });
  if (kind === "setData") return drawSetData(draw, mischief);
  if (kind === "delete") return drawDelete(draw, mischief);
  if (kind === "check") return drawCheck(draw, mischief);
  const mode = draw.random.pick([
    "persistent",
    "persistent",
    "ephemeral",
    "persistentSequential",
    "ephemeralSequential",
    "container",
    "ttl",
  ] as const);
  // A Stat inside a multi is a thing of newer releases; asking for it is left to a quirk of its own.
  const create = drawCreate(draw, mode, mischief);
  return { ...create, stat: false };
}

function drawSimpleRead(draw: Draw, mischief: boolean): SimpleRead {
  return { op: draw.random.pick(["getData", "getChildren"] as const), path: existing(draw, mischief) };
}

function drawEditWatches(draw: Draw, kind: "removeWatches" | "checkWatches"): EditWatches {
  const { random } = draw;
  let path = existing(draw, random.chance(0.3));
  // Older releases take a watch of another session for the asker's own; that is met, but not all the time.
  const careful = kind === "checkWatches" && random.chance(0.8);
  for (let tries = 0; careful && tries < 8 && draw.watchedByOthers(path); tries++)
    path = random.pick([...keySpace, ...draw.model.paths()]);
  const type = draw.watchStyle(path) === "oneShot" ? random.pick(["data", "children", "any"] as const) : "any";
  return { op: kind, path, type };
}

/** A path that is there, or, with mischief, perhaps not. */
function existing(draw: Draw, mischief: boolean): string {
  return mischief && draw.random.chance(0.7) ? draw.random.pick(keySpace) : draw.random.pick(draw.model.paths());
}

/** Like `existing`, but not the top znode, which stays as it is. */
function someNode(draw: Draw, mischief: boolean): string {
  const path = existing(draw, mischief);
  return path === "/" ? draw.random.pick(keySpace) : path;
}

function spoil(draw: Draw, path: string): string {
  return draw.random.chance(0.12) ? draw.random.pick(badPaths) : path;
}

function drawVersion(draw: Draw, actual: number, mischief: boolean): number {
  const { random } = draw;
  if (mischief && random.chance(0.5)) return random.pick([actual + 1, actual + 7, -2]);
  return random.chance(0.5) ? -1 : actual;
}

function drawData({ random }: Draw): string | null {
  return random.pick([null, "", "x", "yy", `value ${random.below(1000)}`, "grüße"]);
}

function drawAcl(draw: Draw, bad: boolean): readonly AclEntry[] {
  const { random } = draw;
  const everyone = (perms: number): AclEntry => ({ perms, scheme: "world", id: "anyone" });
  const digest = (perms: number, who = random.pick([bob, eve])): AclEntry => ({
    perms,
    scheme: "digest",
    id: digestId(who),
  });
  if (bad) {
    return random.pick<readonly AclEntry[]>([
      [],
      [{ perms: 31, scheme: "kerberos", id: "bob" }],
      [{ perms: 31, scheme: "world", id: "someone" }],
      [{ perms: 31, scheme: "digest", id: "bob" }],
      [everyone(31), { perms: 31, scheme: "ip", id: "nowhere" }],
    ]);
  }
  if (draw.secrets && random.chance(0.12)) {
    return random.pick<readonly AclEntry[]>([
      [digest(31)],
      [everyone(30)],
      [{ perms: 31, scheme: "auth", id: "" }],
      [everyone(0), digest(1)],
      [{ perms: 31, scheme: "ip", id: "10.0.0.0/8" }],
    ]);
  }
  if (random.chance(0.65)) return openAcl;
  return random.pick<readonly AclEntry[]>([
    [everyone(1)],
    [everyone(1 | random.below(32))],
    [everyone(1), digest(31)],
    [digest(30), everyone(31)],
    [everyone(1), { perms: 31, scheme: "auth", id: "" }],
    [{ perms: 31, scheme: "ip", id: "127.0.0.1" }],
    [{ perms: 31, scheme: "ip", id: "10.0.0.0/8" }, everyone(1)],
    [{ perms: 31, scheme: "ip", id: "127.0.0.0/8" }],
    [everyone(31), everyone(31), digest(31, bob)],
  ]);
}
