/** Random values of the protocol, for properties. */
import fc from "fast-check";
import { type AclEntry, type Guard, type MultiOp, Op, type RequestBody, type Value } from "../src/index.ts";

/** Around the borders of every width, and any safe integer. */
export const integer: fc.Arbitrary<number> = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -70_000, max: 70_000 }),
  fc
    .tuple(fc.constantFrom(5, 7, 8, 15, 16, 31, 32, 40, 52), fc.integer({ min: -2, max: 2 }), fc.constantFrom(1, -1))
    .map(([bits, off, sign]) => sign * (2 ** bits + off)),
);
export const natural: fc.Arbitrary<number> = integer.map((n) => Math.abs(n));
/** Without lone surrogates, which have no UTF-8; with the byte order mark that decoders like to swallow. */
export const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.integer({ min: 28, max: 36 }).map((n) => "é".repeat(n)),
  fc.integer({ min: 250, max: 260 }).map((n) => "x".repeat(n)),
  fc.integer({ min: 58, max: 68 }).map((n) => `\ufeff${"y".repeat(n)}`),
  fc.integer({ min: 58, max: 68 }).map((n) => `\ufeff\ufeff${"𝄞".repeat(n)}`),
);
const binary: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 60 }),
  fc.integer({ min: 254, max: 258 }).map((n) => new Uint8Array(n).fill(n)),
);

/** Any value that the protocol allows, at most 8 arrays deep. */
export const value: fc.Arbitrary<Value> = fc.letrec<{ value: Value; list: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 7, depthIdentifier: "value" },
    fc.constant(null),
    fc.boolean(),
    integer,
    text,
    binary,
    tie("list"),
  ) as fc.Arbitrary<Value>,
  list: fc.array(tie("value"), { maxLength: 20, depthIdentifier: "value" }) as fc.Arbitrary<Value>,
})).value;

const acl: fc.Arbitrary<AclEntry[]> = fc.array(fc.record({ permissions: integer, scheme: text, id: text }), {
  maxLength: 4,
});
const data = fc.option(binary);
export const guards: fc.Arbitrary<Guard[] | null> = fc.option(
  fc.array(fc.record({ path: text, kind: integer, value: integer }), { minLength: 1, maxLength: 3 }),
);
const writeOps = {
  create: fc.record({
    op: fc.constant(Op.create),
    path: text,
    data,
    mode: integer,
    acl: fc.option(acl),
    ttlMs: integer,
    flags: natural,
  }),
  delete: fc.record({ op: fc.constant(Op.delete), path: text, version: integer }),
  set: fc.record({ op: fc.constant(Op.set), path: text, data, version: integer }),
  setAcl: fc.record({ op: fc.constant(Op.setAcl), path: text, acl, version: integer }),
} as const;
const check = fc.record({ op: fc.constant(Op.check), path: text, kind: integer, value: integer });
const multiOp: fc.Arbitrary<MultiOp> = fc.oneof(...Object.values(writeOps), check);
const path = { path: text };
const cursor: fc.Arbitrary<number[] | null> = fc.option(fc.array(integer, { maxLength: 3 }));
const consistency = { consistency: natural };

export const requestBody: fc.Arbitrary<RequestBody> = fc.oneof<fc.Arbitrary<RequestBody>[]>(
  ...Object.values(writeOps),
  fc.record({ op: fc.constantFrom(Op.multi, Op.multiEach), ops: fc.array(multiOp, { maxLength: 5 }) }),
  fc.record({ op: fc.constant(Op.deleteTree), ...path, nodesMax: natural }),
  fc.record({ op: fc.constant(Op.close) }),
  fc.record({ op: fc.constant(Op.addAuth), scheme: text, credential: binary }),
  fc.record({ op: fc.constantFrom(Op.exists, Op.get), ...path, watch: fc.boolean(), ...consistency }),
  fc.record({ op: fc.constant(Op.getAcl), ...path, ...consistency }),
  fc.record({
    op: fc.constant(Op.children),
    ...path,
    watch: fc.boolean(),
    ...consistency,
    include: natural,
    cursor,
    limit: natural,
  }),
  fc.record({ op: fc.constant(Op.sync), ...path }),
  fc.record({
    op: fc.constant(Op.multiRead),
    reads: fc.array(fc.record({ op: integer, ...path }), { maxLength: 4 }),
    ...consistency,
  }),
  fc.record({ op: fc.constant(Op.ephemerals), prefix: text, after: natural }),
  fc.record({ op: fc.constant(Op.countDescendants), ...path, ...consistency }),
  fc.record({ op: fc.constant(Op.whoAmI) }),
  fc.record({ op: fc.constant(Op.addWatch), ...path, mode: integer }),
  fc.record({ op: fc.constantFrom(Op.checkWatches, Op.removeWatches), ...path, type: integer }),
  fc.record({
    op: fc.constant(Op.setWatches),
    watches: fc.array(fc.record({ ...path, kind: integer, zxid: natural }), { maxLength: 4 }),
  }),
  fc.record({
    op: fc.constant(Op.subscribe),
    id: natural,
    ...path,
    since: integer,
    scope: natural,
    flags: natural,
    credits: natural,
  }),
  fc.record({ op: fc.constant(Op.unsubscribe), id: natural }),
);
