/** What a member of a group is told at the beginning, checked, and with what it did not say filled in. Pure. */
import type { CallOptions } from "@corral/client";
import type { Assignor } from "../assignor.ts";
import { cooperativeSticky } from "../assignors/cooperative-sticky.ts";
import type { ConsumeOptions } from "../consumer.ts";
import { type GroupPaths, pathsOf } from "../layout.ts";
import type { MemberRecord } from "../records.ts";
import type { Source } from "../source.ts";
import type { LeaderDuty } from "./leader/duty.ts";

/** Of a pattern, characters. */
const PATTERN_MAX = 1_000;
/** Of the names of group, instance, topics and the like, UTF-16 units: a path has 4,096 bytes. */
const NAME_MAX = 250;
/** Assignors that one member may name. */
const ASSIGNORS_MAX = 16;
/** How long the target of a static member waits, milliseconds. */
const INSTANCE_GRACE_MS = 300_000;
const REBALANCE_TIMEOUT_MS = 60_000;
const DEBOUNCE_MS = 300;
const GROUP_MEMBERS_MAX = 1_000;

/** The part of a consumer's options that the membership goes by; `timeoutMs` and `signal` are for joining. */
export interface JoinOptions
  extends
    CallOptions,
    Pick<
      ConsumeOptions<unknown>,
      | "group"
      | "assignors"
      | "instance"
      | "onInstanceInUse"
      | "instanceGraceMs"
      | "rack"
      | "clientId"
      | "groupMembersMax"
      | "rebalanceTimeoutMs"
      | "debounceMs"
      | "root"
    > {
  readonly topics: readonly string[] | RegExp;
  /** Asked only while this member leads. */
  readonly source: Pick<Source<never>, "topics">;
  /** What else the group's leader does. */
  readonly duties?: readonly LeaderDuty[] | undefined;
  /** Told what went wrong while this member led: the source's `topics` threw, an assignor, a duty. It goes on regardless. */
  readonly onLeaderError?: ((error: unknown) => void) | undefined;
}

export interface Settings {
  readonly group: string;
  readonly paths: GroupPaths;
  readonly subscription: MemberRecord["subscription"];
  readonly source: JoinOptions["source"];
  /** Best first. */
  readonly assignors: readonly Assignor[];
  readonly instance: string | undefined;
  readonly takesOver: boolean;
  readonly instanceGraceMs: number;
  readonly rack: string | null;
  readonly clientId: string;
  readonly groupMembersMax: number;
  readonly rebalanceTimeoutMs: number;
  readonly debounceMs: number;
  readonly duties: readonly LeaderDuty[];
  readonly onLeaderError: (error: unknown) => void;
}

/** TypeError for what is no name and no pattern, RangeError for a number that cannot be. */
export function settingsOf(options: JoinOptions): Settings {
  const { group, instance, rack, clientId, topics, root } = options;
  checkName("group", group);
  for (const [name, value] of Object.entries({ instance, rack, clientId }))
    if (value !== undefined) checkName(name, value);
  const { onInstanceInUse = "error" } = options;
  if (onInstanceInUse !== "error" && onInstanceInUse !== "take-over")
    throw new TypeError(`onInstanceInUse is ${JSON.stringify(onInstanceInUse)}, not error or take-over`);
  const assignors = options.assignors ?? [cooperativeSticky];
  checkAssignors(assignors);
  return {
    group,
    paths: pathsOf(group, root),
    subscription: subscriptionOf(topics),
    source: options.source,
    assignors,
    instance,
    takesOver: onInstanceInUse === "take-over",
    instanceGraceMs: finite(
      "instanceGraceMs",
      positive("instanceGraceMs", options.instanceGraceMs ?? INSTANCE_GRACE_MS),
    ),
    rack: rack ?? null,
    clientId: clientId ?? "",
    groupMembersMax: positive("groupMembersMax", options.groupMembersMax ?? GROUP_MEMBERS_MAX),
    rebalanceTimeoutMs: positive("rebalanceTimeoutMs", options.rebalanceTimeoutMs ?? REBALANCE_TIMEOUT_MS),
    debounceMs: atLeastZero("debounceMs", options.debounceMs ?? DEBOUNCE_MS),
    duties: options.duties ?? [],
    onLeaderError: options.onLeaderError ?? ((): void => undefined),
  };
}

function subscriptionOf(topics: readonly string[] | RegExp): MemberRecord["subscription"] {
  if (topics instanceof RegExp) {
    const { source, flags } = topics;
    if (/[^u]/.test(flags))
      throw new TypeError(`topics: the flags of the pattern are ${flags}; only u is known to all`);
    if (source.length > PATTERN_MAX)
      throw new RangeError(`topics: a pattern of ${source.length} characters, more than the limit of ${PATTERN_MAX}`);
    patternOf(source);
    return { pattern: source };
  }
  if (typeof topics !== "object") throw new TypeError(`topics is a ${typeof topics}, not a list of names or a pattern`);
  for (const [at, topic] of topics.entries()) checkName(`topics[${at}]`, topic);
  return { topics: [...new Set(topics)].toSorted() };
}

/** TypeError for what is no pattern. Others may have written it: theirs is of bounded length too. */
export function patternOf(source: string): RegExp {
  if (source.length > PATTERN_MAX)
    throw new TypeError(`a pattern of ${source.length} characters, more than the limit of ${PATTERN_MAX}`);
  try {
    return new RegExp(source, "u");
  } catch (error) {
    throw new TypeError(`the pattern ${JSON.stringify(source)} is not valid`, { cause: error });
  }
}

function checkAssignors(assignors: readonly Assignor[]): void {
  if (assignors.length === 0 || assignors.length > ASSIGNORS_MAX)
    throw new RangeError(`assignors: ${assignors.length}, but there must be 1 to ${ASSIGNORS_MAX}`);
  for (const [at, { name }] of assignors.entries()) checkName(`assignors[${at}].name`, name);
  if (new Set(assignors.map(({ name }) => name)).size < assignors.length)
    throw new RangeError("assignors: two have the same name");
}

function checkName(what: string, name: string): void {
  if (typeof name !== "string" || name === "") throw new TypeError(`${what} is ${JSON.stringify(name)}, not a name`);
  if (name.length > NAME_MAX) throw new RangeError(`${what} has ${name.length} characters, more than ${NAME_MAX}`);
}

function positive(what: string, value: number): number {
  if (!(value > 0)) throw new RangeError(`${what} is ${value}, but must be greater than 0`);
  return value;
}

/** It is written for others to read, as JSON, which has no infinity. */
function finite(what: string, value: number): number {
  if (!Number.isFinite(value)) throw new RangeError(`${what} is ${value}, but must be finite`);
  return value;
}

function atLeastZero(what: string, value: number): number {
  if (!(value >= 0)) throw new RangeError(`${what} is ${value}, but must be 0 or more`);
  return value;
}
