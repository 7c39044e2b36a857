/** Random lives of a state: what happens next, over a few paths and sessions so that things meet. */
import { type AclEntry, type Guard, type MultiOp, Op, type RequestBody } from "@corral/protocol";
import fc from "fast-check";
import { Permission } from "@corral/protocol";
import { DEFAULT_OPTIONS, type Options, TxnKind } from "../src/index.ts";
import { type Answer, EPOCH, World } from "./world.ts";

export const BOB = { scheme: "digest", id: "bob:ikIaKsbtGweaHnb/jKn7OHqbunM=" };
const SUPER = { scheme: "digest", id: "super:secret" };
/** Small, so that every limit is met. */
export const SMALL_OPTIONS: Options = {
  ...DEFAULT_OPTIONS,
  childrenMax: 6,
  ephemeralsMax: 4,
  valueBytes: 40,
  pathBytes: 60,
  aclEntries: 3,
  multiOps: 6,
  deleteTreeNodes: 7,
  superIdentities: [SUPER],
};

/** Who acts: by place among the three sessions that are kept open. */
export type Step =
  | {
      readonly kind: "write";
      readonly who: number;
      readonly body: RequestBody;
      readonly guards: readonly Guard[] | null;
    }
  | { readonly kind: "expire"; readonly who: number }
  | { readonly kind: "addAuth"; readonly who: number }
  | { readonly kind: "time"; readonly ms: number }
  | { readonly kind: "reap" };

const QUOTA = "/zookeeper/quota/a";
const name = fc.constantFrom("a", "b", "é");
const path = fc.oneof(
  { weight: 12, arbitrary: fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => `/${names.join("/")}`) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      QUOTA,
      `${QUOTA}/zookeeper_limits`,
      `${QUOTA}/zookeeper_stats`,
      `${QUOTA}/b/zookeeper_limits`,
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "/",
      "/zookeeper",
      "/zookeeper/config",
      "/a/",
      "a",
      "/a//b",
      "/a/..",
      "/x\0",
      `/${"x".repeat(70)}`,
      "/a/c/d/e",
    ),
  },
);
const data = fc.oneof(
  fc.constant(null),
  fc.uint8Array({ maxLength: 45 }),
  fc
    .constantFrom("count=-1,bytes=-1=;countHardLimit=3", "count=1,bytes=1=;byteHardLimit=30;countHardLimit=9", "x")
    .map((text) => Uint8Array.from(Buffer.from(text))),
);
const entry: fc.Arbitrary<AclEntry> = fc.record({
  permissions: fc.constantFrom(Permission.all, Permission.read, 2, 4, 8, 16, 29, 0),
  scheme: fc.constantFrom("world", "world", "digest", "auth", "nonsense"),
  id: fc.constantFrom("anyone", "anyone", BOB.id, "eve:x", "x"),
});
const fine: AclEntry[] = [{ permissions: Permission.all, scheme: "world", id: "anyone" }];
const acl = fc.oneof(
  { weight: 3, arbitrary: fc.constant(fine) },
  { weight: 1, arbitrary: fc.constant([{ permissions: Permission.all, ...BOB }]) },
  { weight: 1, arbitrary: fc.array(entry, { maxLength: 4 }) },
);
const version = fc.constantFrom(-1, -1, -1, 0, 1, 2, -2);
const op: fc.Arbitrary<MultiOp> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant(Op.create),
      path,
      data,
      mode: fc.constantFrom(0, 0, 0, 1, 1, 2, 3, 4),
      acl: fc.option(acl, { freq: 3 }),
      ttlMs: fc.constant(0),
      flags: fc.constantFrom(0, 0, 1),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant(Op.create),
      path,
      data,
      mode: fc.constantFrom(5, 6, 7, 0),
      acl: fc.constant(null),
      ttlMs: fc.constantFrom(5, 1000, 0),
      flags: fc.constantFrom(0, 2),
    }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant(Op.delete), path, version }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant(Op.set), path, data, version }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant(Op.setAcl), path, acl, version }) },
);
const guard: fc.Arbitrary<Guard> = fc.record({
  path,
  kind: fc.constantFrom(0, 0, 1, 2, 3, 4, 4, 5),
  value: fc.oneof(fc.constantFrom(-1, -1, 0, 1), fc.integer({ min: EPOCH + 1, max: EPOCH + 20 })),
});
const multiOp: fc.Arbitrary<MultiOp> = fc.oneof(
  { weight: 6, arbitrary: op },
  { weight: 1, arbitrary: guard.map((g) => ({ op: Op.check, ...g })) },
);
const body: fc.Arbitrary<RequestBody> = fc.oneof(
  { weight: 30, arbitrary: op },
  { weight: 12, arbitrary: fc.record({ op: fc.constant(Op.multi), ops: fc.array(multiOp, { maxLength: 7 }) }) },
  { weight: 6, arbitrary: fc.record({ op: fc.constant(Op.multiEach), ops: fc.array(multiOp, { maxLength: 7 }) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant(Op.deleteTree), path, nodesMax: fc.constantFrom(3, 100) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant(Op.close) }) },
) as fc.Arbitrary<RequestBody>;
const who = fc.nat(2);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      who,
      body,
      guards: fc
        .option(fc.array(guard, { minLength: 1, maxLength: 2 }), { freq: 1 })
        .map((g) => (g !== null && g.length === 2 ? null : g)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("expire" as const), who }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("addAuth" as const), who }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("time" as const), ms: fc.constantFrom(1, 10, 2000, 400_000) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reap" as const) }) },
);
export const steps = (maxLength: number): fc.Arbitrary<Step[]> =>
  fc.array(step, { minLength: 1, maxLength, size: "max" });

/** A world with three sessions, the second one bob's and the third one super's, that lives through steps. */
export class Life {
  readonly world: World;
  readonly sessions: number[] = [];

  constructor(world: World = new World()) {
    this.world = world;
    world.options(SMALL_OPTIONS);
    for (let who = 0; who < 3; who++) this.#open(who);
  }

  #open(who: number): void {
    this.sessions[who] = this.world.open(identitiesOf(who));
  }

  live(step: Step): Answer | undefined {
    const { world } = this;
    switch (step.kind) {
      case "write": {
        const answer = world.do(this.sessions[step.who]!, step.body, step.guards);
        if (answer.closed !== undefined) this.#open(step.who);
        return answer;
      }
      case "expire":
        world.expire(this.sessions[step.who]!);
        this.#open(step.who);
        return undefined;
      case "addAuth": {
        const session = this.sessions[step.who]!;
        const { generation, lastWrite } = world.state.sessions.get(session)!;
        world.txn({
          kind: TxnKind.addAuth,
          session,
          generation,
          acked: lastWrite,
          xid: lastWrite + 1,
          hash: 1,
          identity: BOB,
        });
        world.skipXid(session);
        return undefined;
      }
      case "time":
        world.timeMs += step.ms;
        return undefined;
      case "reap":
        world.reap();
        return undefined;
    }
  }
}

export const identitiesOf = (who: number): { scheme: string; id: string }[] => [[], [BOB], [SUPER]][who]!;
