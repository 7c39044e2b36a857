/**
 * Several operations in one transaction, with the type of each result known from the operation that asks for it.
 */
import {
  errorCode,
  Op,
  readAclEntry,
  readDetail,
  type AclEntry,
  type ErrorDetail,
  type MultiOp,
  type Reply,
  type Stat,
  type Value,
} from "@corral/protocol";
import { decodeAt, encodeAt, raw, type Codec } from "../codec.ts";
import { type CorralError, refusal } from "../error.ts";
import { statOf } from "./reads.ts";
import type { Created, CreateShape, Entry, Match, ReadOptions, Settled, WriteOptions } from "./types.ts";
import { badArgument, consistencyOf, matched, type View } from "./view.ts";
import { checkAcl, createOp } from "./writes.ts";

/** An operation of a multi whose result is an R. Made by {@link op}. */
export interface Operation<R> {
  /** On the wire: the operation, after the checks that it needs. The last one has the result. */
  readonly wire: (view: View) => readonly MultiOp[];
  readonly read: (result: readonly Value[], view: View) => R;
}

/** What a check demands of a znode. */
export type Condition = Match | { readonly owner: number } | "absent";

/** The results of a list of operations, one by one. */
export type Results<O extends readonly Operation<unknown>[]> = {
  -readonly [I in keyof O]: O[I] extends Operation<infer R> ? R : never;
};
export type SettledResults<O extends readonly Operation<unknown>[]> = {
  -readonly [I in keyof O]: O[I] extends Operation<infer R> ? Settled<R> : never;
};

/** Operations for `multi` and `multiEach`. */
export const op: {
  create<T = Uint8Array | null>(
    path: string,
    value?: T | null,
    options?: CreateShape & { readonly codec?: Codec<T> },
  ): Operation<Created>;
  set<T = Uint8Array | null>(
    path: string,
    value: T | null,
    options?: { readonly codec?: Codec<T>; readonly ifMatch?: Match },
  ): Operation<Stat>;
  delete(path: string, options?: { readonly ifMatch?: Match }): Operation<void>;
  setAcl(path: string, acl: readonly AclEntry[], options?: { readonly aversion?: number }): Operation<Stat>;
  /** Must hold, else the whole multi is refused: by version with `BAD_VERSION` or `NO_NODE`, `absent` with `NODE_EXISTS`, else with `GUARD_FAILED`. */
  check(path: string, condition: Condition): Operation<void>;
} = {
  create: (path, value, options = {}) => ({
    wire: (view) => [
      createOp(view, path, encodeAt(options.codec ?? (raw as never), value, path, "multi"), options, "multi"),
    ],
    read: (result, view) => ({ path: view.toView(result[0] as string), stat: statOf(result[1]) }),
  }),
  set: (path, value, options = {}) => ({
    wire: (view) => {
      const data = encodeAt(options.codec ?? (raw as never), value, path, "multi");
      return withMatch(view, path, options.ifMatch, (at, version) => ({ op: Op.set, path: at, data, version }));
    },
    read: (result) => statOf(result[0]),
  }),
  delete: (path, options = {}) => ({
    wire: (view) => withMatch(view, path, options.ifMatch, (at, version) => ({ op: Op.delete, path: at, version })),
    read: () => undefined,
  }),
  setAcl: (path, acl, options = {}) => ({
    wire: (view) => [
      {
        op: Op.setAcl,
        path: view.toServer(path, "multi"),
        acl: checkAcl(acl, "multi", path),
        version: options.aversion ?? -1,
      },
    ],
    read: (result) => statOf(result[0]),
  }),
  check: (path, condition) => ({
    wire: (view) => [
      {
        op: Op.check,
        ...view.guard(condition === "absent" ? { path, absent: true } : { path, ...condition }, "multi"),
      },
    ],
    read: () => undefined,
  }),
};

function withMatch(
  view: View,
  path: string,
  match: Match | undefined,
  make: (at: string, version: number) => MultiOp,
): MultiOp[] {
  const at = view.toServer(path, "multi");
  const { version, guard } = matched(match, at, "multi");
  const own = make(at, version);
  return guard === undefined ? [own] : [{ op: Op.check, ...guard }, own];
}

/** All or nothing. A refusal names the operation by its index in the list. */
export function multi<const O extends readonly Operation<unknown>[]>(
  view: View,
  operations: O,
  options: WriteOptions | undefined,
): Promise<Results<O>> {
  const wire: MultiOp[] = [];
  /** For each operation on the wire, the one it belongs to; the last of those has the result. */
  const ownerOf: number[] = [];
  const resultAt = operations.map((operation, index) => {
    for (const one of operation.wire(view)) {
      wire.push(one);
      ownerOf.push(index);
    }
    return wire.length - 1;
  });
  const guards = view.guards(options?.guard, "multi");
  const body = { op: Op.multi, ops: wire };
  return view.ask(
    view.budget("multi", options),
    body,
    ({ result }) => {
      const results = result[0] as readonly (readonly Value[])[];
      return operations.map((operation, i) => operation.read(results[resultAt[i]!]!, view)) as Results<O>;
    },
    guards,
    (reply) => {
      // A guard has an index of its own, which is not one of an operation.
      const { index } = reply.detail;
      const ofGuard =
        guards.length > 0 && reply.code === errorCode("GUARD_FAILED") && ofGuards(reply.detail, guards, wire);
      if (index === undefined || ofGuard || ownerOf[index] === index) return undefined;
      throw refusalAt(view, reply, ownerOf[index]);
    },
  );
}

/** Is it one of the guards, and not a check among the operations, that does not hold? */
function ofGuards(
  { index, path }: ErrorDetail,
  guards: readonly { readonly path: string }[],
  wire: readonly MultiOp[],
): boolean {
  if (index === undefined || guards[index]?.path !== path) return false;
  const check = wire[index];
  return check === undefined || check.op !== Op.check || check.path !== path;
}

function refusalAt(view: View, reply: Reply, index: number | undefined): CorralError {
  const path = reply.detail.path === undefined ? undefined : view.toView(reply.detail.path);
  return refusal(reply.code, { ...reply.detail, index, path }, "multi", path);
}

/** In one transaction too, but each operation succeeds or is refused by itself. The guards must hold for all. */
export function multiEach<const O extends readonly Operation<unknown>[]>(
  view: View,
  operations: O,
  options: WriteOptions | undefined,
): Promise<SettledResults<O>> {
  const wire = operations.map((operation, index) => {
    const own = operation.wire(view);
    if (own.length === 1) return own[0]!;
    throw badArgument(
      "multiEach",
      "ifMatch",
      `operation ${index}: a zxid is matched by a check of its own, which does not hold back the operation after it; use a version, or multi`,
    );
  });
  const body = { op: Op.multiEach, ops: wire };
  return view.ask(
    view.budget("multiEach", options),
    body,
    ({ result }) => {
      const results = result[0] as readonly (readonly Value[])[];
      return operations.map((operation, i) =>
        settled(results[i]!, i, view, "multiEach", wire[i]!.path, (own) => operation.read(own, view)),
      ) as SettledResults<O>;
    },
    view.guards(options?.guard, "multiEach"),
  );
}

function settled<T>(
  answer: readonly Value[],
  index: number,
  view: View,
  name: string,
  at: string,
  read: (result: readonly Value[]) => T,
): Settled<T> {
  const code = answer[0] as number;
  if (code === 0) return { ok: true, value: read(answer.slice(1)) };
  const detail = readDetail(answer[1]!);
  return {
    ok: false,
    error: refusal(code, { ...detail, index, path: view.toView(detail.path ?? at) }, name, undefined),
  };
}

/** A read of a multiRead whose result is an R. Made by {@link read}. */
export interface ReadOperation<R> {
  readonly op: number;
  readonly path: string;
  readonly read: (result: readonly Value[]) => R;
}
export type ReadResults<O extends readonly ReadOperation<unknown>[]> = {
  -readonly [I in keyof O]: O[I] extends ReadOperation<infer R> ? Settled<R> : never;
};

/** Reads for `multiRead`. */
export const read: {
  get<T = Uint8Array | null>(path: string, options?: { readonly codec?: Codec<T> }): ReadOperation<Entry<T>>;
  stat(path: string): ReadOperation<Stat>;
  children(path: string): ReadOperation<readonly string[]>;
  acl(path: string): ReadOperation<readonly AclEntry[]>;
} = {
  get: (path, options = {}) => ({
    op: Op.get,
    path,
    read: ([data, stat]) => ({
      path,
      value: decodeAt(options.codec ?? (raw as never), (data ?? null) as Uint8Array | null, path, "multiRead"),
      stat: statOf(stat),
    }),
  }),
  stat: (path) => ({ op: Op.exists, path, read: ([stat]) => statOf(stat) }),
  children: (path) => ({ op: Op.children, path, read: ([names]) => names as readonly string[] }),
  acl: (path) => ({ op: Op.getAcl, path, read: ([acl]) => (acl as readonly Value[]).map(readAclEntry) }),
};

/** All at one zxid. */
export function multiRead<const O extends readonly ReadOperation<unknown>[]>(
  view: View,
  reads: O,
  options: ReadOptions | undefined,
): Promise<ReadResults<O>> {
  const wire = reads.map((one) => ({ op: one.op, path: view.toServer(one.path, "multiRead") }));
  const body = { op: Op.multiRead, reads: wire, consistency: consistencyOf(options) };
  return view.ask(view.budget("multiRead", options), body, ({ result }) => {
    const results = result[0] as readonly (readonly Value[])[];
    return reads.map((one, i) => settled(results[i]!, i, view, "multiRead", wire[i]!.path, one.read)) as ReadResults<O>;
  });
}
