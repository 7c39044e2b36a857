/**
 * Is there an order of operations, each at a moment between its call and its answer, in which one machine would have given these
 * answers? Found by search, as Wing and Gong (1993) did it, with Lowe's memory of what has been tried (2017).
 *
 * Owns the search, and knows nothing of what the operations mean. Trusts nothing but the times and the answers: no zxid.
 */

export interface Operation<W> {
  /** Order numbers of its call and of its answer; the answer of one that was never answered comes at Infinity. */
  readonly start: number;
  readonly end: number;
  readonly what: W;
}

/** One machine that does one thing after the other. */
export interface Machine<S, W> {
  readonly initial: S;
  /** The state after it; undefined if in this state it would have been answered otherwise. What was never answered need not come at all. */
  step(state: S, what: W): S | undefined;
  /** Equal for equal states only. */
  keyOf(state: S): string;
}

export type Verdict<W> =
  | { readonly kind: "linearizable" }
  /** `longest`: as far as an order was found. `next`: those that might have come then, and none of them can. */
  | { readonly kind: "not"; readonly longest: readonly Operation<W>[]; readonly next: readonly Operation<W>[] }
  /** The search was given up. */
  | { readonly kind: "unknown" };

/** Steps of one search, until it is given up. */
const STEPS_MAX = 100_000;

/** A call or an answer, in a list in the order of time. */
interface Node {
  /** Of its operation. */
  readonly index: number;
  readonly isCall: boolean;
  /** The answer of a call; undefined if there is none. */
  answer: Node | undefined;
  before: Node | undefined;
  after: Node | undefined;
}

export function linearize<S, W>(
  operations: readonly Operation<W>[],
  machine: Machine<S, W>,
  stepsMax: number = STEPS_MAX,
): Verdict<W> {
  const head = listOf(operations);
  const done = new Uint32Array(Math.ceil(operations.length / 32));
  const tried = new Set<string>();
  const order: { readonly node: Node; readonly state: S }[] = [];
  let longest: readonly Operation<W>[] = [];
  let next: readonly Operation<W>[] = operations.slice(0, 1);
  let unanswered = operations.filter(({ end }) => end !== Number.POSITIVE_INFINITY).length;
  let state = machine.initial;
  let at = head.after;
  for (let steps = 0; unanswered > 0; steps++) {
    if (steps === stepsMax) return { kind: "unknown" };
    if (at?.isCall === true) {
      const after = machine.step(state, operations[at.index]!.what);
      if (after !== undefined && isNew(tried, done, at.index, machine.keyOf(after))) {
        order.push({ node: at, state });
        state = after;
        lift(at);
        if (at.answer !== undefined) unanswered--;
        at = head.after;
      } else at = at.after;
      continue;
    }
    // An answer of which the call has no place yet: something before it was put in the wrong one.
    if (order.length >= longest.length) {
      longest = order.map(({ node }) => operations[node.index]!);
      next = callsBefore(head, at).map((index) => operations[index]!);
    }
    const last = order.pop();
    if (last === undefined) return { kind: "not", longest, next };
    done[last.node.index >>> 5]! &= ~(1 << (last.node.index & 31));
    state = last.state;
    unlift(last.node);
    if (last.node.answer !== undefined) unanswered++;
    at = last.node.after;
  }
  return { kind: "linearizable" };
}

/** In the order of time; of the same time, calls first. */
function listOf(operations: readonly Operation<unknown>[]): Node {
  const nodes = operations.flatMap(({ start, end }, index) => {
    const answer: Node | undefined =
      end === Number.POSITIVE_INFINITY
        ? undefined
        : { index, isCall: false, answer: undefined, before: undefined, after: undefined };
    const call: Node = { index, isCall: true, answer, before: undefined, after: undefined };
    return [{ time: start, node: call }, ...(answer === undefined ? [] : [{ time: end, node: answer }])];
  });
  nodes.sort((a, b) => a.time - b.time || Number(b.node.isCall) - Number(a.node.isCall));
  const head: Node = { index: -1, isCall: false, answer: undefined, before: undefined, after: undefined };
  let last = head;
  for (const { node } of nodes) {
    last.after = node;
    node.before = last;
    last = node;
  }
  return head;
}

/** Marks it as done, unless just this has been tried before: these operations, whatever their order, and this state. */
function isNew(tried: Set<string>, done: Uint32Array, index: number, key: string): boolean {
  done[index >>> 5]! |= 1 << (index & 31);
  const whole = `${done.join()} ${key}`;
  if (tried.has(whole)) {
    done[index >>> 5]! &= ~(1 << (index & 31));
    return false;
  }
  tried.add(whole);
  return true;
}

function lift(call: Node): void {
  for (const node of [call, call.answer]) {
    if (node === undefined) continue;
    node.before!.after = node.after;
    if (node.after !== undefined) node.after.before = node.before;
  }
}

/** In the reverse order of `lift`. */
function unlift(call: Node): void {
  for (const node of [call.answer, call]) {
    if (node === undefined) continue;
    node.before!.after = node;
    if (node.after !== undefined) node.after.before = node;
  }
}

function callsBefore(head: Node, end: Node | undefined): number[] {
  const calls: number[] = [];
  for (let node = head.after; node !== undefined && node !== end; node = node.after)
    if (node.isCall) calls.push(node.index);
  return calls;
}
