/**
 * The wire: every reply that a server sent says what the model says at its zxid, zxids of replies never go back on a
 * connection, and requests are answered in their order.
 */
import {
  type AclEntry,
  errorName,
  type Identity,
  isWrite,
  Op,
  type ReadRequest,
  type Reply,
  type Request,
} from "@corral/protocol";
import type { Frame } from "@corral/testing/world";
import { STRANGER } from "../cast/actors/stranger.ts";
import type { Violation } from "../history.ts";
import { May, may } from "../model/acl.ts";
import type { Model } from "../model/model.ts";
import { below, isIn, statOf } from "../model/tree.ts";

export interface Asked {
  readonly request: Request;
  readonly reply: Reply;
  readonly session: number;
  readonly link: number;
}

/** Refusals that say nothing of the state. */
const OF_THE_MOMENT: ReadonlySet<string | undefined> = new Set([
  "OVERLOADED",
  "DRAINING",
  "SESSION_EXPIRED",
  "SESSION_MOVED",
]);

const isOfTheMoment = (reply: Reply): boolean => reply.code !== 0 && OF_THE_MOMENT.has(errorName(reply.code));

/** Pairs replies with their requests, by connection; checks the order meanwhile. */
export function pair(frames: readonly Frame[], violations: Violation[]): Asked[] {
  const links = new Map<
    number,
    { readonly requests: Map<number, Request>; readonly refused: Set<number>; lastZxid: number; lastXid: number }
  >();
  const asked: Asked[] = [];
  for (const frame of frames) {
    const { id, session } = frame.link;
    const link = links.get(id) ?? {
      requests: new Map<number, Request>(),
      refused: new Set<number>(),
      lastZxid: 0,
      lastXid: 0,
    };
    links.set(id, link);
    const fail = (what: string): void =>
      void violations.push({ check: "wire", what: `connection ${id} of session ${session}: ${what}` });
    // A stranger's request need not be one, nor have a number of its own.
    const isStrange = frame.link.client === STRANGER;
    if (frame.kind === "malformed" && !(frame.from === "client" && isStrange))
      fail(`the ${frame.from} sent what it should not: ${Buffer.from(frame.bytes).toString("hex").slice(0, 200)}`);
    if (frame.kind === "requests")
      for (const message of frame.messages) if (message.xid !== 0) link.requests.set(message.xid, message as Request);
    if (frame.kind !== "messages") continue;
    for (const message of frame.messages) {
      if (message.kind !== "reply") continue;
      if (message.zxid < link.lastZxid && !isRecalled(message, link.requests))
        fail(`reply ${message.xid} has zxid ${message.zxid} after ${link.lastZxid}`);
      link.lastZxid = Math.max(link.lastZxid, message.zxid);
      if (message.xid === 0) continue;
      const request = link.requests.get(message.xid);
      // What is not known has a number, which another request may have had.
      if (isStrange && errorName(message.code) === "UNIMPLEMENTED") continue;
      if (request === undefined) {
        if (!isStrange) fail(`reply ${message.xid} to no request`);
        continue;
      }
      if (isOfTheMoment(message)) {
        // It may come again; what does not wait for it goes on.
        link.refused.add(message.xid);
        continue;
      }
      if (message.xid <= link.lastXid && !link.refused.delete(message.xid) && !isStrange)
        fail(`reply ${message.xid} after ${link.lastXid}`);
      link.lastXid = Math.max(link.lastXid, message.xid);
      asked.push({ request, reply: message, session, link: id });
    }
  }
  return asked;
}

/** The remembered reply of a write has the zxid of its time. */
const isRecalled = (reply: Reply, requests: ReadonlyMap<number, Request>): boolean => {
  const request = requests.get(reply.xid);
  return request !== undefined && (isWrite(request) || request.op === Op.addAuth);
};

/** Compares a reply with the model, which is as it was at the reply's zxid. */
export function checkReply(model: Model, { request, reply, session }: Asked): string | undefined {
  const name = errorName(reply.code);
  // The tables of watches and subscriptions are the server's own.
  if (name === "LIMIT_EXCEEDED" && !isWrite(request)) return undefined;
  const meant = isWrite(request) || request.op === Op.addAuth ? undefined : answerTo(model, request, session, reply);
  if (meant === undefined) return undefined;
  const told = JSON.stringify([reply.code, reply.code === 0 ? plain(reply.result) : []]);
  const expected = JSON.stringify(meant);
  return told === expected ? undefined : `told ${told}, the model says ${expected}`;
}

/** Bytes as text, so that results can be compared. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("latin1")}`;
  return Array.isArray(value) ? value.map(plain) : value;
}

const NO_NODE = -101;
const NO_AUTH = -102;

/** What the model answers; undefined where it has no opinion. */
function answerTo(
  model: Model,
  request: ReadRequest,
  session: number,
  reply: Reply,
): readonly [number, readonly unknown[]] | undefined {
  const identities = model.sessions.get(session)?.identities;
  if (identities === undefined) return undefined;
  const one = (op: number, path: string): readonly [number, readonly unknown[]] | undefined => {
    const node = model.tree.get(path);
    if (node === undefined) return [NO_NODE, []];
    const wanted = op === Op.getAcl ? May.read | May.admin : May.read;
    if (!may(node.acl, wanted, identities)) return [NO_AUTH, []];
    switch (op) {
      case Op.exists:
        return [0, [statOf(node)]];
      case Op.get:
        return [0, [plain(node.data), statOf(node)]];
      case Op.countDescendants:
        return [0, [[...model.tree.keys()].filter((at) => isIn(path, at)).length - 1]];
      case Op.children:
        return [0, [node.children, statOf(node), null]];
      case Op.getAcl:
        return [
          0,
          [shown(node.acl, identities).map(({ permissions, scheme, id }) => [permissions, scheme, id]), statOf(node)],
        ];
      default:
        return undefined;
    }
  };
  switch (request.op) {
    case Op.exists:
    case Op.get:
    case Op.getAcl:
    case Op.countDescendants:
      return one(request.op, request.path);
    case Op.multiRead: {
      const parts = request.reads.map(({ op, path }) => one(op, path));
      if (reply.code !== 0 || parts.some((part) => part === undefined)) return undefined;
      // Refusals have a detail, which the model does not know.
      const told = reply.result[0] as readonly (readonly unknown[])[];
      return [
        0,
        [
          parts.map((part, i) =>
            part![0] === 0 ? [0, ...part![1]].slice(0, told[i]!.length) : [part![0], plain(told[i]![1])],
          ),
        ],
      ];
    }
    case Op.children:
      return children(model, request, reply, identities, one);
    case Op.ephemerals: {
      if (request.after !== 0 || reply.result[1] !== null) return undefined;
      const own = [...model.tree].filter(([path, { owner }]) => owner === session && path.startsWith(request.prefix));
      return [0, [own.sort(([, a], [, b]) => a.order - b.order).map(([path]) => path), null]];
    }
    case Op.whoAmI:
      return [
        0,
        [identities.map(({ scheme, id }) => [scheme, scheme === "digest" ? id.slice(0, id.indexOf(":")) : id])],
      ];
    default:
      return undefined;
  }
}

/** To who may not change the list, the secret half of a digest is not told. */
function shown(acl: readonly AclEntry[], identities: readonly Identity[]): readonly AclEntry[] {
  if (may(acl, May.admin, identities)) return acl;
  return acl.map((entry) => (entry.scheme === "digest" ? { ...entry, id: entry.id.replace(/:.*/, ":x") } : entry));
}

/** A page is a run of the children in their order; the first begins at the beginning, the last ends at the end. */
function children(
  model: Model,
  request: Extract<ReadRequest, { op: typeof Op.children }>,
  reply: Reply,
  identities: readonly Identity[],
  one: (op: number, path: string) => readonly [number, readonly unknown[]] | undefined,
): readonly [number, readonly unknown[]] | undefined {
  const whole = one(Op.children, request.path);
  if (whole === undefined || whole[0] !== 0 || reply.code !== 0) return whole;
  const [items, , cursor] = reply.result as readonly [readonly unknown[], unknown, unknown];
  const all = model.tree.get(request.path)!.children;
  const names = items.map((item) => (Array.isArray(item) ? (item[0] as string) : (item as string)));
  const from =
    request.cursor === null ? 0 : cursor === null ? all.length - names.length : Math.max(0, all.indexOf(names[0]!));
  const to = cursor === null ? all.length : from + names.length;
  const run = all.slice(from, to).map((name) => {
    if (request.include === 0) return name;
    const node = model.tree.get(below(request.path, name))!;
    const isReadable = may(node.acl, May.read, identities);
    if (request.include === 1) return [name, isReadable ? statOf(node) : null];
    return isReadable ? [name, plain(node.data), statOf(node)] : [name, null, null];
  });
  return [0, [run, whole[1][1], plain(cursor)]];
}
