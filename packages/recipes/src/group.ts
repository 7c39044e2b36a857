/**
 * A group: who is there, with a value each, as everybody sees it. Curator's GroupMember, kazoo's Party, ShallowParty (a codec that
 * writes nothing) and PatientChildrenWatch.
 *
 * Says what the server says: whoever joins is a member when he is listed, himself included. Never tells a state that never was: not
 * between two changes of one transaction, not while it is starting, and not the empty one while it is starting over.
 */
import { type CallOptions, type Client, type Codec, CorralError, type StreamReader } from "@corral/client";
import { Children, type ChildrenState, type Member } from "./group/children.ts";
import { settled } from "./group/quiet.ts";
import { childOf } from "./hold/place.ts";
import { register, type RegisterOptions, type Registration } from "./registration.ts";

export type { Member } from "./group/children.ts";

/** Members of a group, unless told otherwise. */
const MEMBERS_MAX = 10_000;
/** With `quietMs`, a state that does not settle is told after so many of them. */
const QUIET_TIMES_MAX = 10;

export interface GroupOptions<T> {
  readonly codec: Codec<T>;
  /** More are `LIMIT_EXCEEDED`: the group can no longer be followed. Default 10,000. */
  readonly membersMax?: number | undefined;
}

/** The members as they were at one time; they do not change in here. */
export interface GroupState<T> {
  /** By id, in the order of their joining. */
  readonly members: ReadonlyMap<string, Member<T>>;
  /** Those who are there with a value that the codec refuses. */
  readonly undecodable: ReadonlyMap<string, CorralError>;
  /** A zxid that grows with each change of the group. Two who know of the same generation know of the same members. */
  readonly generation: number;
}

export type JoinOptions = Omit<RegisterOptions<unknown>, "codec" | "sequential" | "parents">;

export interface ChangesOptions {
  /** Ends the loop. */
  readonly signal?: AbortSignal | undefined;
  /** A state, also the first, is told once nothing has changed for so long, milliseconds. Default 0: at once. */
  readonly quietMs?: number | undefined;
  /** But not later than so long after the first change that was not told. Default 10 × `quietMs`. */
  readonly maxWaitMs?: number | undefined;
}

/** `await using` ends the following; who has joined stays, until his registration ends. */
export interface Group<T> extends AsyncDisposable {
  readonly path: string;
  /** Becomes a member, and one again after each loss of the session: a registration of the child `id`. */
  join(id: string, value: T, options?: JoinOptions): Promise<Registration<T>>;
  /** Resolves with the first state, when it is in sync. Until this, or `changes`, is called, nothing is asked. */
  ready(options?: CallOptions): Promise<GroupState<T>>;
  /** The newest known; empty before it is ready. */
  readonly members: ReadonlyMap<string, Member<T>>;
  readonly undecodable: ReadonlyMap<string, CorralError>;
  /** Undefined before it is ready. */
  readonly generation: number | undefined;
  /** Is that what the server says now? Not before it is ready, nor while the connection is broken. */
  readonly isFresh: boolean;
  /**
   * The present state, then each new one; of those not taken in time only the newest. Survives sessions, and a resync is no change if
   * nothing has changed. Throws `CLOSED` when the client is closed, `LIMIT_EXCEEDED`, or what the server has against it.
   */
  changes(options?: ChangesOptions): StreamReader<GroupState<T>>;
  close(): Promise<void>;
}

/** The ephemeral children of a path; it is made as a container by the first who joins. Other children do not count. */
export function group<T>(client: Client, path: string, options: GroupOptions<T>): Group<T> {
  const { codec, membersMax = MEMBERS_MAX } = options;
  const children = new Children<T>(client, path, {
    op: "group",
    codec,
    max: membersMax,
    counts: ({ ephemeralOwner }) => ephemeralOwner !== 0,
  });
  return {
    path,
    get members() {
      return children.state?.members ?? new Map<string, Member<T>>();
    },
    get undecodable() {
      return children.state?.undecodable ?? new Map<string, CorralError>();
    },
    get generation() {
      return children.state?.generation;
    },
    get isFresh() {
      return children.isFresh;
    },
    join: async (id, value, how) =>
      register(client, childOf(path, checkName("join", path, "id", id)), value, { ...how, codec, parents: true }),
    ready: (how) => children.ready(how),
    changes: (how) => changesOf(client, children, how),
    close: () => closeAll(children),
    [Symbol.asyncDispose]: () => closeAll(children),
  };
}

function closeAll<T>(children: Children<T>): Promise<void> {
  children.close();
  return Promise.resolve();
}

/** Also of other recipes that follow children. */
export function changesOf<T>(
  client: Client,
  children: Children<T>,
  { signal, quietMs = 0, maxWaitMs = QUIET_TIMES_MAX * quietMs }: ChangesOptions = {},
): StreamReader<ChildrenState<T>> {
  children.start();
  if (quietMs <= 0) return children.read(signal);
  return settled(client, children.read(), { quietMs, maxWaitMs }, signal);
}

/** The name of a child: throws `BAD_ARGUMENTS` for one that would be another place. */
export function checkName(op: string, path: string, what: string, name: string): string {
  if (name !== "" && !name.includes("/")) return name;
  throw new CorralError("BAD_ARGUMENTS", { op, detail: { path, name: what }, means: "it must be one part of a path" });
}
