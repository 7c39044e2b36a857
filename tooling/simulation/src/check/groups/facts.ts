/**
 * What the log says of a group, one fact after the other, as the model has it: claims, offsets, members, targets, effects.
 *
 * Owns the reading of the group's znodes. Judges nothing, and believes no consumer.
 */
import { pathsOf } from "@corral/consumer-group";
import { errorCode, type MultiRequest, Op, type WriteRequest } from "@corral/protocol";
import { DEFAULT_OPTIONS, TxnKind } from "@corral/state-machine";
import type { Entry, Model, Step } from "../../model/model.ts";
import type { Change } from "../../model/operations.ts";
import { replay } from "../replayed.ts";

/** Where the group of the world stands, and the effects of its messages. */
export const GROUP = "g";
export const EFFECTS = "/effects";

/** How a znode went: by the session that had made it, by the leader of the group or by another, or with its session. */
export type Gone = "own" | "fenced" | "foreign" | "closed" | "expired";

export type Told =
  | {
      readonly kind: "member";
      readonly member: string;
      readonly life: number;
      readonly session: number;
      readonly isStatic: boolean;
    }
  | { readonly kind: "unmember"; readonly member: string; readonly session: number; readonly gone: Gone }
  | { readonly kind: "instance"; readonly instance: string; readonly state: "in" | "away" }
  | { readonly kind: "uninstance"; readonly instance: string }
  | { readonly kind: "target"; readonly member: string; readonly epoch: number; readonly partitions: readonly string[] }
  | { readonly kind: "untarget"; readonly member: string }
  /** The group's record. `candidacy`: of the leader that wrote it, the czxid of its candidate; undefined for nobody that leads. */
  | {
      readonly kind: "division";
      readonly epoch: number;
      readonly assignor: string | null;
      readonly candidacy: number | undefined;
    }
  | { readonly kind: "candidate"; readonly czxid: number; readonly session: number }
  | { readonly kind: "uncandidate"; readonly czxid: number }
  | {
      readonly kind: "claim";
      readonly key: string;
      readonly member: string;
      readonly token: number;
      readonly session: number;
    }
  | { readonly kind: "unclaim"; readonly key: string; readonly token: number; readonly gone: Gone }
  /** `claim`: the token by which it was written, as the record says; 0 for an administrator. */
  | {
      readonly kind: "offset";
      readonly key: string;
      readonly offset: number;
      readonly claim: number;
      readonly member: string;
      readonly session: number;
    }
  | { readonly kind: "unoffset"; readonly key: string }
  | { readonly kind: "effect"; readonly key: string; readonly offset: number }
  /** A write that the server has refused. */
  | { readonly kind: "refused"; readonly what: "commit" | "claim" | "reset" };

/** `index`: of its entry in the committed log. */
export type Fact = Told & { readonly zxid: number; readonly index: number };

const PATHS = pathsOf(GROUP);
const decoder = new TextDecoder();

export function factsOf(entries: readonly Entry[]): Fact[] {
  const facts: Fact[] = [];
  let index = -1;
  replay(entries, DEFAULT_OPTIONS, (model, step) => {
    if (step !== undefined) for (const told of factsIn(step, model)) facts.push({ ...told, zxid: model.zxid, index });
    index++;
  });
  return facts;
}

function* factsIn(step: Step, model: Model): Generator<Told> {
  for (const change of step.changes) {
    const told = factOf(change, step, model);
    if (told !== undefined) yield told;
  }
  yield* refusals(step);
}

function factOf({ type, path, node }: Change, step: Step, model: Model): Told | undefined {
  if (type === "acl") return undefined;
  const isGone = type === "deleted";
  const session = sessionOf(step);
  const gone = (): Gone => {
    if (step.closed !== undefined) return step.entry.txn.kind === TxnKind.expire ? "expired" : "closed";
    if (node.owner === session) return "own";
    return candidacyOf(step, model) === undefined ? "foreign" : "fenced";
  };
  const record = <T>(): T => JSON.parse(decoder.decode(node.data ?? new Uint8Array())) as T;
  if (path === PATHS.group && type === "changed") {
    const { epoch, assignor } = record<{ epoch: number; assignor: string | null }>();
    return { kind: "division", epoch, assignor, candidacy: candidacyOf(step, model) };
  }
  const below = (parent: string): string | undefined =>
    path.startsWith(`${parent}/`) ? path.slice(parent.length + 1) : undefined;
  const { czxid, owner } = node;
  const member = below(PATHS.members);
  if (member !== undefined) {
    if (isGone) return { kind: "unmember", member, session: owner, gone: gone() };
    const isStatic = record<{ instance: string | null }>().instance !== null;
    return type === "created" ? { kind: "member", member, life: czxid, session: owner, isStatic } : undefined;
  }
  const instance = below(PATHS.instances);
  if (instance !== undefined)
    return isGone
      ? { kind: "uninstance", instance }
      : { kind: "instance", instance, state: record<{ state: "in" | "away" }>().state };
  const targeted = below(PATHS.targets);
  if (targeted !== undefined) {
    if (isGone) return { kind: "untarget", member: targeted };
    const { epoch, partitions } = record<{ epoch: number; partitions: Record<string, number[]> }>();
    const keys = Object.entries(partitions).flatMap(([topic, numbers]) => numbers.map((one) => `${topic}/${one}`));
    return { kind: "target", member: targeted, epoch, partitions: keys.sort() };
  }
  if (below(PATHS.leader) !== undefined && owner !== 0 && type !== "changed")
    return isGone ? { kind: "uncandidate", czxid } : { kind: "candidate", czxid, session: owner };
  const claimed = below(PATHS.own);
  if (claimed?.includes("/") === true) {
    if (isGone) return { kind: "unclaim", key: claimed, token: czxid, gone: gone() };
    return { kind: "claim", key: claimed, member: record<{ member: string }>().member, token: czxid, session: owner };
  }
  const committed = below(PATHS.offsets);
  if (committed?.includes("/") === true) {
    if (isGone) return { kind: "unoffset", key: committed };
    const { offset, claim, member: by } = record<{ offset: number; claim: number; member: string }>();
    return { kind: "offset", key: committed, offset, claim, member: by, session };
  }
  const effect = /^(\w+)-(\d+)@(\d+)-\d{10}$/.exec(below(EFFECTS) ?? "");
  if (effect !== null && type === "created")
    return { kind: "effect", key: `${effect[1]!}/${effect[2]!}`, offset: Number(effect[3]) };
  return undefined;
}

/** The leader guards all that it writes with its candidate. */
function candidacyOf({ entry: { txn } }: Step, model: Model): number | undefined {
  if (txn.kind !== TxnKind.write) return undefined;
  const path = txn.request.guards?.find((guard) => guard.path.startsWith(`${PATHS.leader}/`))?.path;
  return path === undefined ? undefined : model.tree.get(path)?.czxid;
}

const sessionOf = ({ entry: { txn } }: Step): number =>
  txn.kind === TxnKind.write || txn.kind === TxnKind.addAuth ? txn.session : 0;

function* refusals({ entry: { txn }, outcome, answer }: Step): Generator<Told> {
  if (txn.kind !== TxnKind.write || outcome !== "executed" || answer === undefined) return;
  const { request } = txn;
  if (request.op === Op.multiEach && answer.code === 0) {
    const results = answer.result[0] as readonly (readonly [number])[];
    for (const [at, op] of request.ops.entries())
      if (op.path.startsWith(`${PATHS.own}/`) && results[at]?.[0] === errorCode("NODE_EXISTS"))
        yield { kind: "refused", what: "claim" };
  } else if (request.op === Op.multi && answer.code !== 0) {
    const what = refusedIn(request, answer.code, answer.index);
    if (what !== undefined) yield { kind: "refused", what };
  }
}

/** Of a transaction with an offset: was it the claim that stood in the way, or was missing? */
function refusedIn(
  { ops, guards }: MultiRequest & Pick<WriteRequest, "guards">,
  code: number,
  index: number | undefined,
): "commit" | "reset" | undefined {
  if (!ops.some(({ path }) => path.startsWith(`${PATHS.offsets}/`))) return undefined;
  const isGuard = code === errorCode("GUARD_FAILED") && (guards?.length ?? 0) > 0;
  const path = (isGuard ? guards?.[index ?? 0]?.path : ops[index ?? 0]?.path) ?? "";
  if (!path.startsWith(`${PATHS.own}/`)) return undefined;
  return code === errorCode("NODE_EXISTS") ? "reset" : "commit";
}
