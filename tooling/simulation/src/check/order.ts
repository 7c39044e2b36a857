/** Order in real time: a write that was called after another was acknowledged stands behind it; reads never go back. */
import type { Call, Seen, Violation } from "../history.ts";
import type { Replayed, Version } from "./replayed.ts";
import { executions } from "./witness.ts";

export function checkOrder(calls: readonly Call[], seen: readonly Seen[], replayed: Replayed): Violation[] {
  const byTag = executions(replayed.steps);
  const writes = calls.flatMap((call) => {
    const zxid = call.tag === undefined ? undefined : byTag.get(call.tag)?.[0]?.zxid;
    return zxid === undefined ? [] : [{ call, zxid }];
  });
  return [...writesInOrder(writes), ...readsInOrder(writes, seen, replayed)];
}

interface Write {
  readonly call: Call;
  readonly zxid: number;
}

/** What had been acknowledged, to anyone or to this client, before an event: its greatest zxid. */
class Acknowledged {
  readonly #ends: readonly Write[];
  #at = 0;
  readonly #ofClient = new Map<string, number>();
  readonly #claims = new Map<string, number>();
  all = 0;

  constructor(writes: readonly Write[]) {
    this.#ends = writes.filter(({ call }) => call.outcome.kind === "ok").sort((a, b) => a.call.end - b.call.end);
  }

  /** Events must come in ascending order. */
  before(event: number): void {
    for (; this.#at < this.#ends.length && this.#ends[this.#at]!.call.end < event; this.#at++) {
      const { call, zxid } = this.#ends[this.#at]!;
      this.all = Math.max(this.all, zxid);
      this.#ofClient.set(call.client, Math.max(this.of(call.client), zxid));
    }
  }

  of(client: string): number {
    return Math.max(this.#ofClient.get(client) ?? 0, this.#claims.get(client) ?? 0);
  }

  /** The client has seen this state by a read. */
  saw(client: string, zxid: number): void {
    this.#claims.set(client, Math.max(this.#claims.get(client) ?? 0, zxid));
  }
}

function writesInOrder(writes: readonly Write[]): Violation[] {
  const acknowledged = new Acknowledged(writes);
  return [...writes]
    .sort((a, b) => a.call.start - b.call.start)
    .flatMap(({ call, zxid }) => {
      acknowledged.before(call.start);
      if (zxid > acknowledged.all) return [];
      return [
        {
          check: "order",
          what: `${call.client} ${call.op} ${call.path} (${call.tag}) stands at ${zxid}; before it was called, ${acknowledged.all} had been acknowledged`,
        },
      ];
    });
}

function readsInOrder(writes: readonly Write[], seen: readonly Seen[], { versions }: Replayed): Violation[] {
  const acknowledged = new Acknowledged(writes);
  const shown = new Shown(versions);
  /** Reads that have ended, so that later ones of the same client show no less. */
  const ended = [...seen].sort((a, b) => a.end - b.end);
  /** From when on each read may be, by what was known at its own start. */
  const shows = new Map<Seen, number>();
  let at = 0;
  return [...seen]
    .sort((a, b) => a.start - b.start)
    .flatMap((read) => {
      acknowledged.before(read.start);
      for (; at < ended.length && ended[at]!.end < read.start; at++)
        acknowledged.saw(ended[at]!.client, shows.get(ended[at]!) ?? 0);
      const least = read.isLinearizable
        ? Math.max(acknowledged.all, acknowledged.of(read.client))
        : acknowledged.of(read.client);
      const all = shown.times(read);
      const version = all.find(({ until }) => until > least);
      if (version !== undefined) {
        shows.set(read, version.from);
        return [];
      }
      const told = `${read.client} read ${read.path} as ${JSON.stringify(read.stat)}`;
      const last = all.at(-1);
      if (last === undefined) return [{ check: "order", what: `${told}, which it never was` }];
      return [
        {
          check: "order",
          what: `${told}, as it was from ${last.from} to ${last.until}; it had to be as at ${least} or later`,
        },
      ];
    });
}

/** A path's versions, each with its Stat as text: made once, as many reads ask for them. */
class Shown {
  readonly #versions: ReadonlyMap<string, readonly Version[]>;
  readonly #texts = new Map<string, readonly (string | undefined)[]>();

  constructor(versions: ReadonlyMap<string, readonly Version[]>) {
    this.#versions = versions;
  }

  /** Every time during which a path was as it was seen, ascending: an absent znode looks the same at all times. */
  times(read: Seen): { readonly from: number; readonly until: number }[] {
    const list = this.#versions.get(read.path) ?? [{ from: 0, stat: undefined }];
    const texts = this.#texts.get(read.path) ?? list.map(({ stat }) => JSON.stringify(stat));
    this.#texts.set(read.path, texts);
    const wanted = JSON.stringify(read.stat);
    return list.flatMap(({ from }, i) =>
      texts[i] === wanted ? [{ from, until: list[i + 1]?.from ?? Number.POSITIVE_INFINITY }] : [],
    );
  }
}
