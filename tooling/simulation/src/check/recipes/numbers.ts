/** Numbers and values that many change: every acknowledged change is in the log once, and none is that nobody asked for. */
import type { Asked, Following, Sum } from "./book.ts";
import { changedAt, dataAt, type Tale } from "./tale.ts";

interface Change {
  readonly at: number;
  readonly from: number;
  readonly to: number;
}

/** All changes of a number, through all lives of its znode: one that is not there stands for 0. */
function changesOf(path: string, tale: Tale): Change[] {
  const states: { readonly at: number; readonly value: number }[] = [];
  for (const { data, to } of tale.livesOf(path)) {
    for (const { at, text } of data) states.push({ at, value: Number(text) });
    if (to !== Number.POSITIVE_INFINITY) states.push({ at: to, value: 0 });
  }
  return states.map(({ at, value }, i) => ({ at, from: states[i - 1]?.value ?? 0, to: value }));
}

const makes = ({ asked, told }: Asked<Sum, number | boolean>, { from, to }: Change): boolean =>
  "by" in asked
    ? to - from === asked.by && (typeof told !== "number" || told === to)
    : asked.from === from && asked.to === to;

/** Each change is of one call, and each call that was acknowledged made one. */
export function checkSums(sums: readonly Asked<Sum, number | boolean>[], tale: Tale): string[] {
  const wrong: string[] = [];
  for (const path of new Set(sums.map((sum) => sum.path))) {
    // One that came to false has found another number, and changed nothing.
    const open = new Set(sums.filter((sum) => sum.path === path && sum.outcome !== "no" && sum.told !== false));
    for (const change of changesOf(path, tale)) {
      const fitting = [...open]
        .filter((sum) => sum.startAt < change.at && change.at <= sum.endAt && makes(sum, change))
        .sort((a, b) => rank(a) - rank(b));
      if (fitting[0] === undefined)
        wrong.push(`${path} went from ${change.from} to ${change.to} at ${change.at}, which nobody did`);
      else open.delete(fitting[0]);
    }
    for (const { who, asked, told, outcome } of open) {
      const changesNothing = "by" in asked ? asked.by === 0 : asked.from === asked.to;
      if (outcome === "ok" && !changesNothing)
        wrong.push(`${path}: ${JSON.stringify(asked)} of ${who} was acknowledged with ${told}, and is not in the log`);
    }
  }
  return wrong;
}

/** Those that must have made a change come first, and of them the one that ended first. */
const rank = ({ outcome, endAt }: Asked<Sum, number | boolean>): number => (outcome === "ok" ? endAt : Infinity);

/** The data of a shared value: whose it is, and of which value it was made. */
interface Value {
  readonly tag: string;
  /** Of the value before, where it was computed from that. */
  readonly of: string | undefined;
}

export function valueIn(text: string): Value {
  const { tag, of } = JSON.parse(text) as { readonly tag: string; readonly of?: string };
  return { tag, of };
}

/** Each value is there once, where its writer was told; none was computed from another one than the one before it. */
export function checkValues(
  path: string,
  values: readonly Asked<{ readonly tag: string; readonly ifMatch: number | undefined }, number>[],
  tale: Tale,
): string[] {
  const wrong: string[] = [];
  const times = new Map<string, number[]>();
  for (const { data } of tale.livesOf(path)) {
    for (const [i, { at, text }] of data.entries()) {
      const { tag, of } = valueIn(text);
      times.set(tag, [...(times.get(tag) ?? []), at]);
      const before = data[i - 1];
      // The first of a life is made of what stands for none.
      if (of !== undefined && before !== undefined && valueIn(before.text).tag !== of)
        wrong.push(`${path}: ${tag} was made of ${of}, and came after ${valueIn(before.text).tag}`);
    }
  }
  for (const { who, asked, told, outcome } of values) {
    const at = times.get(asked.tag) ?? [];
    const name = `${path}: ${asked.tag} of ${who}`;
    if (at.length > 1) wrong.push(`${name} is in the log ${at.length} times`);
    if (outcome === "ok" && at[0] !== told) wrong.push(`${name} was acknowledged with ${told}, and is at ${at[0]}`);
    if (outcome === "no" && at.length > 0) wrong.push(`${name} was refused, and is at ${at[0]}`);
    const last = tale.at(path, (at[0] ?? 0) - 1);
    if (at[0] !== undefined && asked.ifMatch !== undefined) {
      const found = last === undefined ? 0 : changedAt(last, at[0] - 1);
      if (found !== asked.ifMatch) wrong.push(`${name} was for the state of ${asked.ifMatch}, and followed ${found}`);
    }
  }
  return wrong;
}

/** What was told of a znode's data are states of it, in their order; the newest may have been told again. `what`: zxid and data. */
export function checkFollowing({ who, path, told }: Following, states: readonly StateAt[]): string[] {
  let next = 0;
  for (const { what, at } of told) {
    const found = states.findIndex((state, i) => i >= next && state.what === what);
    if (found < 0)
      return [`${who} was told of ${path}: ${what}, at ${at}, which it was not after what it was told before`];
    if (states[found]!.at > at)
      return [`${who} was told of ${path}: ${what}, at ${at}; that was at ${states[found]!.at}`];
    next = found;
  }
  return [];
}

export interface StateAt {
  readonly at: number;
  readonly what: string;
}

/** Of a shared value, as they are followed. */
export function statesOfValue(path: string, tale: Tale): StateAt[] {
  return tale.livesOf(path).flatMap((life) => {
    const states = life.data.map(({ at }) => ({ at, what: valueIn(dataAt(life, at)).tag }));
    return life.to === Number.POSITIVE_INFINITY ? states : [...states, { at: life.to, what: "deleted" }];
  });
}
