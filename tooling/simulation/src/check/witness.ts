/**
 * The log as the witness: what every client was told is what the log, replayed through the model, says; and every write of
 * a client stands there as often as its answer allows.
 */
import { errorCode, errorName, Op, type WriteRequest } from "@corral/protocol";
import { TxnKind } from "@corral/state-machine";
import type { Call, Violation } from "../history.ts";
import type { Answer } from "../model/operations.ts";
import type { Step } from "../model/model.ts";

/** A znode that never exists: a guard on its absence always holds, and carries the tag. */
export const TAG_ROOT = "/tag/";
const TAG_MARK = "#";

export const tagData = (tag: string, filler: number): Uint8Array =>
  Buffer.from(`${TAG_MARK}${tag} `.padEnd(filler, "."));

/** The tag of a write in the log. */
function tagOf(request: WriteRequest): string | undefined {
  const guard = request.guards?.find(({ path }) => path.startsWith(TAG_ROOT));
  if (guard !== undefined) return guard.path.slice(TAG_ROOT.length);
  const data = "data" in request ? request.data : null;
  const text = data === null ? "" : Buffer.from(data).toString("latin1");
  return text.startsWith(TAG_MARK) ? text.slice(1, text.indexOf(" ")) : undefined;
}

/** Where each tagged write was executed. */
export function executions(
  steps: readonly Step[],
): Map<string, { readonly zxid: number; readonly answer: Answer; readonly op: number }[]> {
  const found = new Map<string, { zxid: number; answer: Answer; op: number }[]>();
  for (const { entry, outcome, answer } of steps) {
    if (entry.txn.kind !== TxnKind.write || outcome !== "executed") continue;
    const tag = tagOf(entry.txn.request);
    if (tag === undefined) continue;
    const list = found.get(tag) ?? [];
    list.push({ zxid: entry.zxid, answer: answer!, op: entry.txn.request.op });
    found.set(tag, list);
  }
  return found;
}

export function checkWitness(calls: readonly Call[], steps: readonly Step[]): Violation[] {
  const violations: Violation[] = [];
  const byTag = executions(steps);
  const fail = (call: Call, what: string): void =>
    void violations.push({ check: "witness", what: `${call.client} ${call.op} ${call.path} (${call.tag}): ${what}` });
  for (const call of calls) {
    if (call.tag === undefined) continue;
    const there = byTag.get(call.tag) ?? [];
    if (there.length > 1) fail(call, `executed ${there.length} times, at ${there.map(({ zxid }) => zxid).join(", ")}`);
    const [first] = there;
    const { outcome } = call;
    if (outcome.kind === "ok") {
      if (first === undefined) fail(call, "acknowledged, and not in the log");
      else if (first.answer.code !== 0)
        fail(call, `acknowledged, and refused with ${first.answer.code} at ${first.zxid}`);
      else compare(call, first, fail);
    } else if (outcome.kind === "error" && outcome.outcome === "no") {
      const isRefusal = first !== undefined && first.answer.code === errorCode(outcome.code);
      if (first !== undefined && !isRefusal)
        fail(
          call,
          `failed with ${outcome.code}, which says that nothing happened, and was executed at ${first.zxid} with ${first.answer.code}`,
        );
      if (first === undefined && DECIDED_BY_THE_LOG.has(outcome.code))
        fail(call, `refused with ${outcome.code}, which only the log can decide, and is not there`);
    }
  }
  return violations;
}

/** Refusals that are results of applying an entry. */
const DECIDED_BY_THE_LOG: ReadonlySet<string> = new Set([
  "NO_NODE",
  "NO_AUTH",
  "BAD_VERSION",
  "NODE_EXISTS",
  "NOT_EMPTY",
  "NO_CHILDREN_FOR_EPHEMERALS",
  "GUARD_FAILED",
  "SEQUENCE_EXHAUSTED",
]);

function compare(
  call: Call,
  { answer, op, zxid }: { readonly zxid: number; readonly answer: Answer; readonly op: number },
  fail: (call: Call, what: string) => void,
): void {
  const told = JSON.stringify((call.outcome as { value: unknown }).value);
  const meant = JSON.stringify(resultOf(op, answer));
  if (told !== meant) fail(call, `was told ${told}; at ${zxid} it was ${meant}`);
}

/** The result as the workload notes it: see operations of the workload. */
function resultOf(op: number, { result }: Answer): unknown {
  switch (op) {
    case Op.create:
      return { path: result[0], stat: result[1] };
    case Op.set:
    case Op.setAcl:
      return result[0];
    case Op.delete:
      return 1;
    case Op.deleteTree:
      return result[0];
    case Op.multi:
      return result[0];
    default:
      return (result[0] as readonly (readonly unknown[])[]).map(([code, ...rest]) =>
        code === 0 ? [0, ...rest] : [errorName(code as number)],
      );
  }
}
