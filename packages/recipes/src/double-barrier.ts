/**
 * A double barrier: a number of parties begin something together, and end it together. ZooKeeper's recipe for double barriers, Curator's
 * DistributedDoubleBarrier, kazoo's DoubleBarrier, etcd's recipe of the same name; unlike theirs it has rounds, and shares no znodes with
 * them.
 *
 *     /path                     number of the present round, or of the last one
 *     /path/round               of the present round: how many parties it takes
 *     /path/round/_c_…-lock-N   a party: ephemeral, goes when the party leaves, or with its session
 *     /path/round/ready         made by whoever sees that the round is full: which are its first party and its last one
 *
 * A party is made only where there is no `ready`, and `ready` only while the parties that it counts are there, each in one transaction. So who is
 * of a round is decided once, by `ready`, and what anybody was woken by, or believes, decides nothing. A round is over when all of
 * its parties have gone; only then is there a next one. Never lets anybody into a round that has begun.
 */
import {
  type CallOptions,
  type Client,
  CorralError,
  type Deadline,
  isCorralError,
  type SessionInfo,
} from "@corral/client";
import {
  begin,
  contendersOf,
  begun,
  type Begun,
  partiesOf,
  presentRound,
  readyOf,
  type Round,
  untilGone,
  untilOver,
} from "./double-barrier/round.ts";
import { confirmed, inTime, orLeave, patient } from "./hold/acquire.ts";
import { checkIdentity, contenderData, drawIdentity } from "./hold/contender-data.ts";
import { contenderName, drawPrefix } from "./hold/contender-name.ts";
import type { Held, HoldOptions } from "./hold/held.ts";
import { Holding } from "./hold/holding.ts";
import { sessionFor, whileIn } from "./hold/in-session.ts";
import { unseen } from "./hold/let-go.ts";
import { childOf, evicted, leavePlace, type Place, takePlace } from "./hold/place.ts";
import { watchUntil } from "./wait/watch-until.ts";

/** Parties of a round. */
export const PARTIES_MAX = 1_000;

export interface DoubleBarrierOptions {
  /** How many make a round, from 1 to 1,000. All must say the same: `BAD_ARGUMENTS` otherwise. */
  readonly parties: number;
  /** Who this is, for people. At most 1,024 bytes. Default: random. */
  readonly identity?: string | undefined;
  /** One more than the parties of a round that is not over: refuse it (default), or let it wait for a later round. */
  readonly whenFull?: "refuse" | "wait" | undefined;
}

export interface EnterOptions extends CallOptions, HoldOptions {}

/** Being in a round. `release` and disposal leave it too, and wait for nobody. */
export interface Entered extends Held {
  /** 1 for the first round on this path, and 1 more each time. The same for all its parties. */
  readonly round: number;
  /**
   * Leaves, and resolves when all of the round have left, or lost their sessions. `timeoutMs`: none by default; rejects with `TIMEOUT` or
   * `ABORTED`, and has left nevertheless: to leave again is to wait again. The party that came first is there (`signal` not aborted) until
   * that.
   */
  leave(options?: CallOptions): Promise<void>;
}

/** Holds nothing itself: may be used again and again, and by many at once; each `enter` is a party of its own. */
export interface DoubleBarrier {
  readonly path: string;
  /**
   * Resolves when all parties of a round have entered. `timeoutMs`: none by default. Rejects with `LIMIT_EXCEEDED` where the parties of a
   * round that is not over are complete without this one, `SESSION_EXPIRED`, `GUARD_FAILED` if somebody deleted the party's znode,
   * `TIMEOUT`, `ABORTED`. However it ends, no znode of it stays; one that ends when the others have been let go already counts
   * as a party that has entered and left.
   */
  enter(options?: EnterOptions): Promise<Entered>;
}

/** A double barrier on a path. The znode is made, with parents that are missing, by the first who enters, and stays. */
export function doubleBarrier(client: Client, path: string, options: DoubleBarrierOptions): DoubleBarrier {
  const name = "doubleBarrier";
  const { parties, whenFull = "refuse" } = options;
  if (!Number.isSafeInteger(parties) || parties < 1 || parties > PARTIES_MAX) {
    throw new CorralError("BAD_ARGUMENTS", {
      op: name,
      detail: { path, name: "parties", limit: PARTIES_MAX, actual: parties },
      means: `the number of parties is not a whole number from 1 to ${PARTIES_MAX}`,
    });
  }
  const identity = checkIdentity(name, path, options.identity ?? drawIdentity(client.random));
  return {
    path,
    enter(how) {
      const deadline = patient(client, ENTER, how);
      return inTime(deadline, enter(client, path, { parties, identity, whenFull }, how, deadline), path);
    },
  };
}

interface Party {
  readonly parties: number;
  readonly identity: string;
  readonly whenFull: "refuse" | "wait";
}

async function enter(
  client: Client,
  path: string,
  party: Party,
  options: EnterOptions | undefined,
  deadline: Deadline,
): Promise<Entered> {
  for (;;) {
    const session = await sessionFor(client, deadline);
    const round = await whileIn(session, ENTER, path, presentRound(client, path, party.parties, deadline));
    const place = await join(client, session, round, party.identity, deadline);
    if (place !== undefined) {
      const ready = await orLeave(client, place, beginning(client, round, place, party.parties, deadline));
      if (ready !== undefined && contenderName(place.name)!.sequence <= ready.last) {
        return confirmed(new EnteredRound(client, path, place, round, ready, options), ENTER, deadline);
      }
      unseen(leavePlace(client, place));
    }
    const inside = await partiesOf(client, round, deadline);
    if (inside.length > 0 && party.whenFull === "refuse") throw full(path, party.parties);
    await untilOver(client, ENTER, round, deadline);
  }
}

/** A place in the round; undefined if it has begun, or is over. */
async function join(
  client: Client,
  session: SessionInfo,
  round: Round,
  identity: string,
  deadline: Deadline,
): Promise<Place | undefined> {
  try {
    return await takePlace(client, session, ENTER, deadline, {
      parent: round.path,
      prefix: drawPrefix(client.random, "curator", "lock"),
      data: contenderData.encode({ identity }),
      guard: [
        { path: round.path, czxid: round.czxid },
        { path: readyOf(round), absent: true },
      ],
    });
  } catch (error) {
    if (isCorralError(error, "GUARD_FAILED")) return undefined;
    throw error;
  }
}

/** Resolves when the round has begun; with undefined if it is over, so that it began without this place. */
async function beginning(
  client: Client,
  round: Round,
  place: Place,
  parties: number,
  deadline: Deadline,
): Promise<Begun | undefined> {
  const path = readyOf(round);
  const ready = async (): Promise<Answer | undefined> => {
    const found = await client.find(path, { ...deadline.rest(), codec: begun });
    return found === undefined ? undefined : { begun: found.value };
  };
  const alarm = eviction(client, place);
  // Only this waiting wants to know.
  alarm.catch(() => {});
  let queue = place.queue;
  const answer = await watchUntil(client, ENTER, deadline, {
    path,
    session: place.session,
    alarm,
    async look() {
      for (;;) {
        const answered = await ready();
        if (answered !== undefined) return answered;
        const inside = queue ?? (await contendersOf(client, round, deadline));
        queue = undefined;
        if (inside === undefined) return { begun: undefined };
        if (!inside.some(({ name }) => name === place.name)) throw evicted(ENTER, place.path);
        if (inside.length < parties) return undefined;
        await begin(client, round, inside.slice(0, parties), deadline);
      }
    },
    told: ({ kind }) => (kind === "created" ? ready() : undefined),
  });
  return answer.begun;
}

/** Rejects when the znode is deleted. Never taken back: it ends with that, and costs nothing, since whoever is inside watches the same. */
async function eviction(client: Client, { path }: Place): Promise<never> {
  try {
    for (;;) {
      const { kind } = await client.nextEvent(path, { existing: true, timeoutMs: Infinity });
      if (kind === "deleted") break;
    }
  } catch (error) {
    if (!isCorralError(error, "NO_NODE")) throw error;
  }
  throw evicted(ENTER, path);
}

/** Undefined if the round is over. */
interface Answer {
  readonly begun: Begun | undefined;
}

class EnteredRound extends Holding implements Entered {
  readonly #round: Round;
  /** Its path. */
  readonly #whoCameFirst: string;

  constructor(
    client: Client,
    name: string,
    place: Place,
    round: Round,
    ready: Begun,
    options: HoldOptions | undefined,
  ) {
    super(client, name, place, options);
    this.#round = round;
    this.#whoCameFirst = childOf(round.path, ready.first);
  }

  get round(): number {
    return this.#round.number;
  }

  leave(options?: CallOptions): Promise<void> {
    const deadline = patient(this.client, LEAVE, options);
    return inTime(deadline, this.#leave(deadline), this.name);
  }

  async #leave(deadline: Deadline): Promise<void> {
    let isAlone = false;
    try {
      isAlone = await this.#isAlone(deadline);
    } catch (error) {
      // With the session this party has left already.
      if (!isCorralError(error, "SESSION_EXPIRED")) {
        unseen(this.release());
        throw error;
      }
    }
    // Both are sent at once, in this order, so that nobody who is woken by the one finds the round still there.
    const releasing = this.release(deadline.rest());
    const known = isAlone ? [] : [this.#whoCameFirst];
    await Promise.all([releasing, untilOver(this.client, LEAVE, this.#round, deadline, known)]);
  }

  /** The first waits for each of the others; they have no need to wait here, but wait for the first: nobody is woken for nothing. */
  async #isAlone(deadline: Deadline): Promise<boolean> {
    const { client, path } = this;
    const whoCameFirst = this.#whoCameFirst;
    if (whoCameFirst !== path && (await client.exists(whoCameFirst, deadline.rest()))) return false;
    const [first, ...others] = await partiesOf(client, this.#round, deadline);
    if (first !== path) return false;
    for (const other of others.reverse()) await untilGone(client, LEAVE, other, deadline);
    return true;
  }
}

const ENTER = "doubleBarrier.enter";
const LEAVE = "doubleBarrier.leave";

const full = (path: string, parties: number): CorralError =>
  new CorralError("LIMIT_EXCEEDED", {
    op: ENTER,
    detail: { path, name: "parties", limit: parties, actual: parties + 1 },
    means: "all parties of the round are there without this one, and it is not over",
  });
