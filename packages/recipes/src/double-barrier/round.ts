/**
 * One round of a double barrier: who is in it, its beginning and its end. What its znodes mean stands in ../double-barrier.ts.
 *
 * For each question all znodes are read at one zxid, and each change says which round it is for. Knows no party of its own.
 */
import { type Client, type Codec, CorralError, type Deadline, isCorralError, op, read } from "@corral/client";
import { type ContenderName, inOrder } from "../hold/contender-name.ts";
import { childOf } from "../hold/place.ts";
import { watchUntil } from "../wait/watch-until.ts";

/** Of opening a round, against others who do the same or end it again. */
const ROUND_TRIES_MAX = 100;

export interface Round {
  readonly path: string;
  readonly czxid: number;
  readonly number: number;
}

/** What `ready` says. */
export interface Begun {
  /** Name of the party that came first. */
  readonly first: string;
  /** Sequence number of the party that came last; those after it are not of the round. */
  readonly last: number;
}

/** The round that is not over; opened if there is none. */
export async function presentRound(client: Client, path: string, parties: number, deadline: Deadline): Promise<Round> {
  const name = "doubleBarrier.enter";
  const roundPath = childOf(path, "round");
  for (let tries = 0; tries < ROUND_TRIES_MAX; tries++) {
    const reads = [read.get(path, { codec: whole }), read.get(roundPath, { codec: whole })] as const;
    const [base, round] = await client.multiRead(reads, { ...deadline.rest(), consistency: "linearizable" });
    if (base.ok && round.ok) {
      const { value, stat } = round.value;
      if (value === parties) return { path: roundPath, czxid: stat.czxid, number: base.value.value };
      throw new CorralError("BAD_ARGUMENTS", {
        op: name,
        detail: { path, name: "parties", limit: value, actual: parties },
        means: "others use this double barrier with another number of parties",
      });
    }
    for (const one of [base, round]) if (!one.ok && one.error.code !== "NO_NODE") throw one.error;
    try {
      if (!base.ok) await client.create(path, 0, { ...deadline.rest(), codec: whole, parents: true });
      else {
        const { value, stat } = base.value;
        const next = op.set(path, value + 1, { codec: whole, ifMatch: { mzxid: stat.mzxid } });
        await client.multi([next, op.create(roundPath, parties, { codec: whole })], deadline.rest());
      }
    } catch (error) {
      // Others did it.
      if (!isCorralError(error, "NODE_EXISTS", "GUARD_FAILED", "NO_NODE")) throw error;
    }
  }
  throw new CorralError("OVERLOADED", {
    op: name,
    detail: { path, name: "roundTries", limit: ROUND_TRIES_MAX },
    means: "others opened a round and ended it again each time",
  });
}

/** Whoever is in the round by their znodes, in the order of coming; undefined if the round is over. */
export async function contendersOf(
  client: Client,
  round: Round,
  deadline: Deadline,
): Promise<ContenderName[] | undefined> {
  return (await look(client, round, deadline))?.inside;
}

/** Paths of those of its parties who are there still, in the order of coming. */
export async function partiesOf(client: Client, round: Round, deadline: Deadline): Promise<string[]> {
  const { inside = [], last = -1 } = (await look(client, round, deadline)) ?? {};
  return inside.filter(({ sequence }) => sequence <= last).map(({ name }) => childOf(round.path, name));
}

/** All at one zxid. `last`: of the parties, if it has begun. Undefined if the round is over. */
async function look(
  client: Client,
  round: Round,
  deadline: Deadline,
): Promise<{ readonly inside: ContenderName[]; readonly last: number | undefined } | undefined> {
  const { path, czxid } = round;
  const reads = [read.stat(path), read.children(path), read.get(readyOf(round), { codec: begun })] as const;
  const [stat, names, ready] = await client.multiRead(reads, deadline.rest());
  for (const one of [stat, names, ready]) if (!one.ok && one.error.code !== "NO_NODE") throw one.error;
  if (!stat.ok || !names.ok || stat.value.czxid !== czxid) return undefined;
  return { inside: inOrder(names.value), last: ready.ok ? ready.value.value.last : undefined };
}

/**
 * Waits for one after the other, and ends the round if nobody else does: its last party may have lost its session. Goes on over the end
 * of a session: it only asks, and to end a round twice is to end it once. `known`: paths of those who may be there still, if that is known.
 */
export async function untilOver(
  client: Client,
  name: string,
  round: Round,
  deadline: Deadline,
  known?: readonly string[],
): Promise<void> {
  for (let parties = known; ; parties = undefined) {
    try {
      const [first] = parties ?? (await partiesOf(client, round, deadline));
      if (first === undefined) return await end(client, round, deadline);
      await untilGone(client, name, first, deadline);
    } catch (error) {
      if (!isCorralError(error, "SESSION_EXPIRED", "OUTCOME_UNKNOWN")) throw error;
    }
  }
}

export function untilGone(client: Client, name: string, path: string, deadline: Deadline): Promise<true> {
  return watchUntil(client, name, deadline, {
    path,
    existing: true,
    look: async () => ((await client.exists(path, deadline.rest())) ? undefined : true),
    told: ({ kind }) => (kind === "deleted" ? true : undefined),
  });
}

/** Makes room for the next round. Only one that has begun ends: nobody can have come into it meanwhile. */
async function end(client: Client, round: Round, deadline: Deadline): Promise<void> {
  const { path, czxid } = round;
  try {
    const guard = { path: readyOf(round), ...IS_THERE };
    await client.delete(path, { ...deadline.rest(), recursive: true, ifMatch: { czxid }, guard, missing: "ok" });
  } catch (error) {
    if (!isCorralError(error, "GUARD_FAILED")) throw error;
  }
}

/** Unless one of the parties has gone, or somebody else did it. */
export async function begin(
  client: Client,
  round: Round,
  parties: readonly ContenderName[],
  deadline: Deadline,
): Promise<void> {
  const { path, czxid } = round;
  try {
    await client.multi(
      [
        op.check(path, { czxid }),
        ...parties.map((party) => op.check(childOf(path, party.name), IS_THERE)),
        op.create(readyOf(round), { first: parties[0]!.name, last: parties.at(-1)!.sequence }, { codec: begun }),
      ],
      deadline.rest(),
    );
  } catch (error) {
    if (!isCorralError(error, "NO_NODE", "NODE_EXISTS", "GUARD_FAILED")) throw error;
  }
}

export const readyOf = ({ path }: Round): string => childOf(path, "ready");

/** Any version. */
const IS_THERE = { version: -1 } as const;

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

/** A whole number, not negative, in decimal text; 0 where there is no data. */
const whole: Codec<number> = {
  name: "whole number",
  encode: (value) => utf8.encode(String(value)),
  decode: (data) => {
    const text = fromUtf8.decode(data ?? new Uint8Array());
    if (!/^\d{0,15}$/.test(text)) throw new TypeError("what stands there is not a whole number in decimal text");
    return Number(text);
  },
};

export const begun: Codec<Begun> = {
  name: "ready",
  encode: (value) => utf8.encode(JSON.stringify(value)),
  decode: (data) => {
    const { first, last } = JSON.parse(fromUtf8.decode(data ?? new Uint8Array())) as Partial<Begun>;
    if (typeof first !== "string" || typeof last !== "number")
      throw new TypeError("this is not what a round begins with");
    return { first, last };
  },
};
