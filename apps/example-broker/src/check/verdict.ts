/**
 * What became of the messages: the producer's file against the sink's. Pure; knows neither brokers nor groups, so it cannot share their
 * mistakes.
 */
import type { EffectLine } from "../sink/effects.ts";

/** One line of the producer's file: a message that is about to be sent, or one that was acknowledged. */
export type ProducedLine =
  | { readonly sent: string; readonly partition: number }
  | { readonly acknowledged: string; readonly partition: number; readonly offset: number };

export interface Verdict {
  readonly produced: number;
  readonly acknowledged: number;
  /** Effects, each counted. */
  readonly consumed: number;
  /** Acknowledged and without an effect. */
  readonly lost: readonly string[];
  /** With more than one effect. */
  readonly duplicated: readonly string[];
  /** With an effect, and never sent. */
  readonly invented: readonly string[];
  /** Acknowledged at one place, and with an effect at another. */
  readonly displaced: readonly string[];
  /** Effects of a partition that do not ascend by one in their offsets, or whose token falls. */
  readonly disordered: readonly string[];
}

export function judge(produced: readonly ProducedLine[], effects: readonly EffectLine[]): Verdict {
  const sent = new Set<string>();
  const acknowledged = new Map<string, string>();
  for (const line of produced) {
    if ("sent" in line) sent.add(line.sent);
    else acknowledged.set(line.acknowledged, place(line));
  }
  const done = new Map<string, string[]>();
  const disordered: string[] = [];
  const last = new Map<number, EffectLine>();
  for (const effect of effects) {
    if (effect.id === undefined) continue;
    const places = done.get(effect.id) ?? [];
    places.push(place(effect));
    done.set(effect.id, places);
    const before = last.get(effect.partition);
    if (effect.offset !== (before?.offset ?? -1) + 1 || effect.token < (before?.token ?? 0))
      disordered.push(place(effect));
    last.set(effect.partition, effect);
  }
  return {
    produced: sent.size,
    acknowledged: acknowledged.size,
    consumed: effects.filter(({ id }) => id !== undefined).length,
    lost: [...acknowledged.keys()].filter((id) => !done.has(id)),
    duplicated: [...done].filter(([, places]) => places.length > 1).map(([id]) => id),
    invented: [...done.keys()].filter((id) => !sent.has(id)),
    displaced: [...acknowledged].filter(([id, at]) => done.get(id)?.includes(at) === false).map(([id]) => id),
    disordered,
  };
}

export function isClean(verdict: Verdict): boolean {
  const { lost, duplicated, invented, displaced, disordered } = verdict;
  return [lost, duplicated, invented, displaced, disordered].every((found) => found.length === 0);
}

/** Examples named at most. */
const NAMED_MAX = 5;

/** A table for people. */
export function tableOf(verdict: Verdict): string {
  const count = (name: string, what: number): string => `  ${name.padEnd(24)} ${String(what).padStart(8)}`;
  const list = (name: string, ids: readonly string[]): string =>
    `${count(name, ids.length)}${ids.length === 0 ? "" : `   ${ids.slice(0, NAMED_MAX).join(", ")}${ids.length > NAMED_MAX ? " …" : ""}`}`;
  return [
    count("produced", verdict.produced),
    count("acknowledged", verdict.acknowledged),
    count("consumed (effects)", verdict.consumed),
    list("lost", verdict.lost),
    list("duplicated", verdict.duplicated),
    list("never produced", verdict.invented),
    list("at another offset", verdict.displaced),
    list("out of order", verdict.disordered),
  ].join("\n");
}

function place({ partition, offset }: { readonly partition: number; readonly offset: number }): string {
  return `${partition}@${offset}`;
}
