// Makes a sequence that disagrees smaller while it still does: steps and operations are left out, halves first, then
// one by one. It owns the search only; whether a smaller one still disagrees is asked of both servers each time.
import type { Op, Sequence, Step } from "./operation.ts";

/** Tries before the search ends with what it has. */
const triesMax = 300;

/** One operation of a burst, or a step of another kind. Neighbouring operations of one burst stay one burst. */
type Unit =
  | { readonly step: Exclude<Step, { step: "burst" }> }
  | { readonly session: number; readonly op: Op; readonly burst: number };

export async function shrink(
  sequence: Sequence,
  disagrees: (smaller: Sequence) => Promise<boolean>,
): Promise<Sequence> {
  let units = unitsOf(sequence);
  let tries = 0;
  for (let size = Math.ceil(units.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    let removed: boolean;
    do {
      removed = false;
      for (let at = 0; at < units.length && tries < triesMax; at += size) {
        const fewer = [...units.slice(0, at), ...units.slice(at + size)];
        tries++;
        if (!(await disagrees(sequenceOf(sequence, fewer)))) continue;
        units = fewer;
        at -= size;
        removed = true;
      }
    } while (removed && size === 1 && tries < triesMax);
  }
  return sequenceOf(sequence, units);
}

function unitsOf({ steps }: Sequence): Unit[] {
  return steps.flatMap((step, burst): Unit[] =>
    step.step === "burst" ? step.ops.map((op) => ({ session: step.session, op, burst })) : [{ step }],
  );
}

function sequenceOf({ seed, mortal }: Sequence, units: readonly Unit[]): Sequence {
  const steps: Step[] = [];
  let open: { burst: number; ops: Op[] } | undefined;
  for (const unit of units) {
    if ("step" in unit) {
      steps.push(unit.step);
      open = undefined;
    } else if (open?.burst === unit.burst) open.ops.push(unit.op);
    else {
      open = { burst: unit.burst, ops: [unit.op] };
      steps.push({ step: "burst", session: unit.session, ops: open.ops });
    }
  }
  return { seed, mortal, steps };
}
