// The deliberate differences between Corral and the release of ZooKeeper that Debian ships: one row each, with the
// operation, the exact condition and what it comes from. A row masks only what its condition tells; how often each
// did is counted, and a row that never does is an error. Nothing else in the harness excuses anything.
import type { Answer, EventType } from "./answer.ts";
import type { Forecast, OpForecast } from "./forecast.ts";
import type { Op } from "./operation.ts";
import { isGoodPath } from "./path.ts";

/** Both answered the same operation, differently. */
export interface ReplyDifference {
  readonly op: Op;
  readonly zookeeper: Answer;
  readonly corral: Answer;
  /** The fields that differ, such as `error` or `parts.0.stat`. */
  readonly fields: readonly string[];
  readonly session: number;
  readonly forecast: OpForecast;
  readonly sequence: Forecast;
}

/** One of them sent an event that the other did not. */
export interface EventDifference {
  readonly from: "zookeeper" | "corral";
  readonly type: EventType;
  readonly path: string;
  readonly session: number;
  /** The change behind it happened after this moment, and by that one at the latest. */
  readonly after: number;
  readonly upTo: number;
  /** It came in answer to setWatches. */
  readonly restored: boolean;
  /** It came before the reply to the close of the session. */
  readonly closing: boolean;
  readonly sequence: Forecast;
}

export interface Difference {
  readonly id: string;
  readonly operation: string;
  readonly condition: string;
  readonly origin: string;
  readonly reply?: (difference: ReplyDifference) => boolean;
  readonly event?: (difference: EventDifference) => boolean;
}

const errors = (difference: ReplyDifference, zookeeper: string, ...corral: string[]): boolean =>
  difference.zookeeper.error === zookeeper && corral.includes(difference.corral.error);

export const differences: readonly Difference[] = [
  {
    id: "exists-needs-read",
    operation: "exists",
    condition: "the znode exists and the session has no READ on it: NO_AUTH instead of its Stat",
    origin: "ZooKeeper 3.8.4, 3.9.2 (ZOOKEEPER-2590)",
    reply: (one) => one.op.op === "exists" && one.forecast.unreadable && errors(one, "OK", "NO_AUTH"),
  },
  {
    id: "watch-types-of-modes",
    operation: "checkWatches, removeWatches",
    condition: "type persistent or recursive: looked for, instead of MARSHALLING_ERROR",
    origin: "ZooKeeper 3.9.0 (ZOOKEEPER-4472)",
    reply: (one) =>
      isEdit(one.op) &&
      (one.op.type === "persistent" || one.op.type === "recursive") &&
      errors(one, "MARSHALLING_ERROR", "OK", "NO_WATCHER"),
  },
  {
    id: "removed-by-mode",
    operation: "removeWatches",
    condition: "type any, after the only watch on the path was removed by type persistent or recursive: NO_WATCHER",
    origin: "ZooKeeper 3.9.0 (ZOOKEEPER-4472), follows from the row above",
    reply: (one) =>
      one.op.op === "removeWatches" &&
      one.op.type === "any" &&
      errors(one, "OK", "NO_WATCHER") &&
      kinds(one, one.op.path).has("byMode"),
  },
  {
    id: "watch-type-is-exact",
    operation: "checkWatches, removeWatches",
    condition:
      "type data or children while the session has only a persistent or recursive watch on the path: NO_WATCHER, and the watch stays",
    origin: "ZooKeeper 3.9.0 (ZOOKEEPER-4471)",
    reply: (one) =>
      isEdit(one.op) &&
      (one.op.type === "data" || one.op.type === "children") &&
      errors(one, "OK", "NO_WATCHER") &&
      lasting(kinds(one, one.op.path)) &&
      !kinds(one, one.op.path).has("oneShot"),
  },
  {
    id: "watch-is-ones-own",
    operation: "checkWatches",
    condition: "another session watches the path, the asker does not: NO_WATCHER",
    origin: "ZooKeeper 3.9.0 (ZOOKEEPER-4466)",
    reply: (one) =>
      one.op.op === "checkWatches" &&
      errors(one, "OK", "NO_WATCHER") &&
      one.sequence.watchedByOthers(one.session, one.op.path, one.forecast.moment),
  },
  {
    id: "modes-coexist",
    operation: "addWatch, exists, getData, getChildren",
    condition:
      "the session has a one-shot and a lasting watch on the path: the lasting one still fires after the other did",
    origin: "ZooKeeper 3.9.0 (ZOOKEEPER-4466)",
    event: (one) => {
      const own = one.sequence.watchKinds(one.session, one.path, one.upTo);
      return (
        one.from === "corral" &&
        own.has("oneShot") &&
        lasting(own) &&
        one.sequence.change(one.type, one.path, one.after, one.upTo)
      );
    },
  },
  {
    id: "watch-mode-unknown",
    operation: "addWatch",
    condition: "a mode that does not exist: BAD_ARGUMENTS instead of MARSHALLING_ERROR",
    origin: "Corral 0.1: an argument out of range has one code",
    reply: (one) =>
      one.op.op === "addWatch" && one.op.mode === "unknown" && errors(one, "MARSHALLING_ERROR", "BAD_ARGUMENTS"),
  },
  {
    id: "path-rule-everywhere",
    operation: "exists, getData, getACL, getChildren, getChildren2, getAllChildrenNumber, delete, multi, multiRead",
    condition:
      "a path that no znode can have: BAD_ARGUMENTS, where ZooKeeper looks it up and answers NO_NODE, or NO_AUTH of its parent",
    origin: "Corral 0.1: the full rule for every path",
    reply: (one) => one.fields.every((field) => isMalformed(one, field)),
  },
  {
    id: "stat-in-multi",
    operation: "multi",
    condition: "a create that asks for its Stat gets it",
    origin: "ZooKeeper 3.9.0 (ZOOKEEPER-4026)",
    reply: (one) =>
      one.op.op === "multi" &&
      one.zookeeper.error === "OK" &&
      one.fields.every((field) => /^parts\.\d+\.stat$/.test(field)),
  },
  {
    id: "super-is-no-identity",
    operation: "whoAmI",
    condition: "the session has the super identity: listed once, as the digest it is, without the entry super:",
    origin: "Corral 0.1: super is what an identity may do, not another identity",
    reply: (one) =>
      one.op.op === "whoAmI" &&
      one.zookeeper.names?.filter((name) => name !== "super:").join(" ") === one.corral.names?.join(" "),
  },
  {
    id: "no-lasting-watch-misses",
    operation: "setWatches",
    condition: "persistent and recursive watches are told what happened while the session was away",
    origin: "Corral 0.1: gapless watches",
    event: (one) =>
      one.from === "corral" &&
      one.restored &&
      one.sequence.change(one.type, one.path, one.after, one.upTo) &&
      one.sequence.watchedFor(one.session, one.path, one.type, one.upTo),
  },
  {
    id: "end-before-own-ephemerals",
    operation: "close",
    condition: "the session watches what goes with its end: told of its end alone",
    origin: "Corral 0.1: whoever holds an ephemeral hears first why it is gone",
    // The change is the work of the close itself: moments are counted one an operation.
    event: (one) =>
      one.from === "zookeeper" && one.closing && one.sequence.change(one.type, one.path, one.upTo - 1, one.upTo),
  },
];

const isEdit = (op: Op): op is Op & { op: "checkWatches" | "removeWatches" } =>
  op.op === "checkWatches" || op.op === "removeWatches";
const kinds = (one: ReplyDifference, path: string): ReadonlySet<string> =>
  one.sequence.watchKinds(one.session, path, one.forecast.moment);
const lasting = (own: ReadonlySet<string>): boolean => own.has("persistent") || own.has("recursive");

/** Does this field differ because the path is malformed, of the operation or of the part the field is in? */
function isMalformed({ op, zookeeper, corral }: ReplyDifference, field: string): boolean {
  const at = /^parts\.(\d+)\.error$/.exec(field)?.[1];
  if (field === "error" && op.op === "multi") {
    const failed = zookeeper.parts?.findIndex(({ error }) => error === zookeeper.error) ?? -1;
    const same =
      corral.parts?.every(({ error }, index) => index === failed || error === zookeeper.parts?.[index]?.error) === true;
    return same && isMalformed({ op, zookeeper, corral } as ReplyDifference, `parts.${failed}.error`);
  }
  if (at === undefined) return field === "error" && "path" in op && !isGoodPath(op.path) && lookedUp(zookeeper, corral);
  const part = op.op === "multi" || op.op === "multiRead" ? op.parts[Number(at)] : undefined;
  return (
    part !== undefined && !isGoodPath(part.path) && lookedUp(zookeeper.parts?.[Number(at)], corral.parts?.[Number(at)])
  );
}

function lookedUp(zookeeper: Answer | undefined, corral: Answer | undefined): boolean {
  return (zookeeper?.error === "NO_NODE" || zookeeper?.error === "NO_AUTH") && corral?.error === "BAD_ARGUMENTS";
}
