/**
 * multi: all or nothing, each operation on what the earlier ones left; and multiEach, where each stands for itself.
 */
import { type MultiOp, type MultiRequest, Op, type Writer, writeDetail } from "@corral/protocol";
import type { Context } from "../context.ts";
import { type Refusal, isRefusal, refuse } from "../refusal.ts";
import { check, remove, set, setAcl } from "./change.ts";
import { create } from "./create.ts";

/** How many elements the result of an operation has. */
const RESULT_ELEMENTS: Readonly<Record<MultiOp["op"], number>> = {
  [Op.create]: 2,
  [Op.delete]: 0,
  [Op.set]: 1,
  [Op.setAcl]: 1,
  [Op.check]: 0,
};

export function applyOp(cx: Context, op: MultiOp, w: Writer): Refusal | undefined {
  switch (op.op) {
    case Op.create:
      return create(cx, op, w);
    case Op.delete:
      return remove(cx, op);
    case Op.set:
      return set(cx, op, w);
    case Op.setAcl:
      return setAcl(cx, op, w);
    case Op.check:
      return check(cx, op);
  }
}

/** Result: a list with the elements of each operation's result. */
export function multi(cx: Context, request: MultiRequest, w: Writer): Refusal | undefined {
  const tooMany = checkCount(cx, request);
  if (tooMany !== undefined) return tooMany;
  w.array(request.ops.length);
  return cx.atomically(isRefusal, () => {
    for (const [index, op] of request.ops.entries()) {
      w.array(RESULT_ELEMENTS[op.op]);
      const refusal = applyOp(cx, op, w);
      if (refusal !== undefined) return { code: refusal.code, detail: { ...refusal.detail, index } };
    }
    return undefined;
  });
}

/** Result: a list of `[0, …result]` or `[code, detail]`. */
export function multiEach(cx: Context, request: MultiRequest, w: Writer): Refusal | undefined {
  const tooMany = checkCount(cx, request);
  if (tooMany !== undefined) return tooMany;
  w.array(request.ops.length);
  for (const op of request.ops) {
    const start = w.length;
    w.array(1 + RESULT_ELEMENTS[op.op]);
    w.int(0);
    const refusal = applyOp(cx, op, w);
    if (refusal === undefined) continue;
    w.truncate(start);
    w.array(2);
    w.int(refusal.code);
    writeDetail(w, refusal.detail);
  }
  return undefined;
}

function checkCount(cx: Context, request: MultiRequest): Refusal | undefined {
  const limit = cx.state.options.multiOps;
  if (request.ops.length <= limit) return undefined;
  return refuse("LIMIT_EXCEEDED", { name: "multiOps", limit, actual: request.ops.length });
}
