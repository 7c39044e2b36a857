/**
 * What a consumer can tell of each step that matters, and the rules that such a history keeps whatever went wrong.
 *
 * Pure: for tests, and for whoever keeps the histories of a system that runs.
 */
import type { TopicPartition } from "./source.ts";

interface OfClaim {
  readonly partition: TopicPartition;
  /** Of the consumer that tells it: unique among those whose histories are laid together. */
  readonly member: string;
  /** The claim's fencing token: the zxid of the transaction that made it. */
  readonly token: number;
}

export type TraceEvent =
  /** It holds the partition. `offset`: what was committed before; undefined if nothing was. */
  | (OfClaim & { readonly kind: "claim"; readonly offset: number | undefined })
  /** The handler is about to be called. */
  | (OfClaim & { readonly kind: "deliver"; readonly offset: number })
  /** Written. `sought`: by `seek`, or by a reset after the source had lost the offset, so it may have gone back. */
  | (OfClaim & {
      readonly kind: "commit";
      readonly offset: number;
      readonly zxid: number;
      readonly sought: boolean;
    })
  /** About to be written by `seek` or a reset: it may stand there although the answer has never come. */
  | (OfClaim & { readonly kind: "seek"; readonly offset: number })
  /** Given back. */
  | (OfClaim & { readonly kind: "release" })
  /** The member knows that it holds it no more. */
  | (OfClaim & { readonly kind: "lost" });

/** Events kept in the message of a violation. */
const SHOWN_MAX = 5;

/**
 * What is wrong with a history; empty if nothing is. Events of each member are in the order in which it told them.
 *
 * `sent`: every offset of each partition, by `topic/partition`; given, each must have been delivered at least once.
 */
export function checkHistory(
  events: readonly TraceEvent[],
  sent?: ReadonlyMap<string, readonly number[]>,
): readonly string[] {
  const wrong: string[] = [];
  for (const [at, own] of byPartition(events)) {
    const told = (problem: string, ...of: readonly TraceEvent[]): void =>
      void wrong.push(`${at}: ${problem}: ${of.slice(0, SHOWN_MAX).map(shown).join("; ")}`);
    claimsRise(own, told);
    commitsStayInside(own, told);
    offsetsRise(own, told);
    membersStopInTime(own, told);
  }
  for (const [at, offsets] of sent ?? []) {
    const delivered = new Set<number>();
    for (const event of events)
      if (event.kind === "deliver" && keyOf(event.partition) === at) delivered.add(event.offset);
    const missing = offsets.filter((offset) => !delivered.has(offset));
    if (missing.length > 0)
      wrong.push(`${at}: ${missing.length} never delivered: ${missing.slice(0, SHOWN_MAX).join(", ")}`);
  }
  return wrong;
}

type Told = (problem: string, ...of: readonly TraceEvent[]) => void;
type Of<K extends TraceEvent["kind"]> = Extract<TraceEvent, { readonly kind: K }>;

/** Each claim once, and those of a member in the order of their tokens. */
function claimsRise(events: readonly TraceEvent[], told: Told): void {
  const seen = new Map<number, TraceEvent>();
  const last = new Map<string, TraceEvent>();
  for (const event of events) {
    if (event.kind !== "claim") continue;
    const twin = seen.get(event.token);
    if (twin !== undefined) told("one token for two claims", twin, event);
    const before = last.get(event.member);
    if (before !== undefined && before.token >= event.token) told("claims that do not rise", before, event);
    seen.set(event.token, event);
    last.set(event.member, event);
  }
}

/** A commit's zxid lies after its claim, and before the next one. */
function commitsStayInside(events: readonly TraceEvent[], told: Told): void {
  const claims = only(events, "claim").toSorted((a, b) => a.token - b.token);
  for (const commit of only(events, "commit")) {
    const index = claims.findIndex(({ token }) => token === commit.token);
    const [claim, next] = [claims[index], claims[index + 1]];
    if (claim === undefined) told("a commit of no claim", commit);
    else if (claim.member !== commit.member) told("a commit by another member than the claim's", claim, commit);
    else if (commit.zxid <= claim.token) told("a commit before its claim", claim, commit);
    else if (next !== undefined && commit.zxid >= next.token) told("a commit after the next claim", commit, next);
  }
}

/** In the order in which they were written. A claim begins where the commits before it have come to, or where the last claim wanted to go. */
function offsetsRise(events: readonly TraceEvent[], told: Told): void {
  const order = events
    .filter((event): event is Of<"claim"> | Of<"commit"> => event.kind === "claim" || event.kind === "commit")
    .toSorted((a, b) => zxidOf(a) - zxidOf(b));
  const seeks = only(events, "seek");
  let last: (typeof order)[number] | undefined;
  for (const event of order) {
    const { offset } = event;
    if (offset === undefined) continue;
    const before = last;
    last = event;
    if (before?.offset === undefined || offset >= before.offset) continue;
    const isSought =
      event.kind === "commit"
        ? event.sought
        : seeks.some((seek) => seek.token === before.token && seek.offset === offset);
    if (!isSought) told("an offset that goes back", before, event);
  }
}

/** Nothing is handed out by a claim that its member has lost or given back, or after it has a later one. */
function membersStopInTime(events: readonly TraceEvent[], told: Told): void {
  const present = new Map<string, Of<"claim">>();
  for (const event of events) {
    if (event.kind === "claim") present.set(event.member, event);
    else if (event.kind === "lost" || event.kind === "release") {
      if (present.get(event.member)?.token === event.token) present.delete(event.member);
    } else if (event.kind === "deliver") {
      const claim = present.get(event.member);
      if (claim === undefined) told("a delivery without a claim", event);
      else if (claim.token !== event.token) told("a delivery by an earlier claim", claim, event);
    }
  }
}

const only = <K extends TraceEvent["kind"]>(events: readonly TraceEvent[], kind: K): Of<K>[] =>
  events.filter((event): event is Of<K> => event.kind === kind);

const zxidOf = (event: Of<"claim"> | Of<"commit">): number => (event.kind === "claim" ? event.token : event.zxid);

/** `topic/partition`. */
export const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

function byPartition(events: readonly TraceEvent[]): Map<string, TraceEvent[]> {
  const all = new Map<string, TraceEvent[]>();
  for (const event of events) {
    const at = keyOf(event.partition);
    const own = all.get(at);
    if (own === undefined) all.set(at, [event]);
    else own.push(event);
  }
  return all;
}

function shown(event: TraceEvent): string {
  const offset = "offset" in event && event.offset !== undefined ? ` ${event.offset}` : "";
  const zxid = "zxid" in event ? ` at ${event.zxid}` : "";
  return `${event.kind}${offset} by ${event.member} with ${event.token}${zxid}`;
}
