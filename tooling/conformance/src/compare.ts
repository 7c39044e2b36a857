// Two transcripts of one sequence, side by side: replies and events of each session in order, Stats with zxids by
// their order, times by their zxid. It owns the walk and the counting; what may differ stands in differences.ts.
import type { Answer, Stat } from "./answer.ts";
import { differences, type Difference } from "./differences.ts";
import { forecast, type Forecast } from "./forecast.ts";
import { showOp, type AclEntry, type Op, type Sequence } from "./operation.ts";
import type { Entry, Transcript } from "./runner.ts";
import { clockFault, inOrder } from "./transcript-rules.ts";
import { ZxidOrder } from "./zxid-order.ts";

export interface Disagreement {
  readonly session: number;
  readonly step: number;
  /** What differs, without paths and values: the same for the same fault elsewhere. */
  readonly kind: string;
  readonly what: string;
}

export interface Verdict {
  /** Replies, events and reconnects compared. */
  readonly comparisons: number;
  /** Rows of the table that explained a difference, one entry a comparison. */
  readonly masked: readonly Difference["id"][];
  readonly disagreements: readonly Disagreement[];
  /** Where the model foretold another code than the real ZooKeeper gave: a fault of the harness. */
  readonly drift: readonly string[];
}

export function compare(sequence: Sequence, zookeeper: Transcript, corral: Transcript): Verdict {
  const view = forecast(sequence);
  const order = new ZxidOrder();
  const masked: string[] = [];
  const disagreements: Disagreement[] = [];
  const drift: string[] = [];
  let comparisons = 0;
  for (const session of sequence.mortal.keys()) {
    const one = inOrder(zookeeper.streams[session] ?? []);
    const other = inOrder(corral.streams[session] ?? []);
    drift.push(...drifts(view, one));
    const walk = new Walk(
      view,
      session,
      { zookeeper: one, corral: other },
      { zookeeper: owners(zookeeper), corral: owners(corral) },
      order,
    );
    walk.run();
    comparisons += walk.comparisons;
    masked.push(...walk.masked);
    if (walk.disagreement !== undefined) disagreements.push(walk.disagreement);
  }
  for (const [name, transcript] of [
    ["ZooKeeper", zookeeper],
    ["Corral", corral],
  ] as const) {
    const fault = clockFault(transcript);
    if (fault !== undefined)
      disagreements.push({ session: -1, step: -1, kind: `clock of ${name}`, what: `${name}: ${fault}` });
  }
  return { comparisons, masked, disagreements, drift };
}

type Pair<T> = { readonly zookeeper: T; readonly corral: T };

/** One session's two streams. It stops at the first difference that no row explains. */
class Walk {
  comparisons = 0;
  readonly masked: string[] = [];
  disagreement: Disagreement | undefined;
  readonly #view: Forecast;
  readonly #session: number;
  readonly #streams: Pair<readonly Entry[]>;
  readonly #owners: Pair<ReadonlyMap<string, string>>;
  readonly #order: ZxidOrder;
  readonly #at = { zookeeper: 0, corral: 0 };

  constructor(
    view: Forecast,
    session: number,
    streams: Pair<readonly Entry[]>,
    owners: Pair<ReadonlyMap<string, string>>,
    order: ZxidOrder,
  ) {
    this.#view = view;
    this.#session = session;
    this.#streams = streams;
    this.#owners = owners;
    this.#order = order;
  }

  run(): void {
    while (this.disagreement === undefined) {
      const one = this.#streams.zookeeper[this.#at.zookeeper];
      const other = this.#streams.corral[this.#at.corral];
      if (one === undefined && other === undefined) return;
      if (one?.kind !== "fence" || other?.kind !== "fence") this.comparisons++;
      if (one !== undefined && other !== undefined && this.#agree(one, other)) {
        this.#at.zookeeper++;
        this.#at.corral++;
      } else if (this.disagreement === undefined && !this.#excused("zookeeper") && !this.#excused("corral")) {
        this.#disagree(
          `${kindOf(one)}, ${kindOf(other)}`,
          `ZooKeeper: ${showEntry(one)}\n      Corral:    ${showEntry(other)}`,
        );
      }
    }
  }

  /** True also for two replies whose difference a row explains. */
  #agree(one: Entry, other: Entry): boolean {
    if (one.kind === "event" && other.kind === "event") return one.type === other.type && one.path === other.path;
    if (one.kind === "fence" && other.kind === "fence") return true;
    if (one.kind === "attach" && other.kind === "attach") return one.error === other.error;
    if (one.kind !== "reply" || other.kind !== "reply" || one.op !== other.op) return false;
    const fields = answerFields(
      one.answer,
      other.answer,
      (zookeeper, corral) => this.#statFields(zookeeper, corral),
      this.#order,
    );
    if (fields.length === 0) return true;
    const op = this.#view.op(one.step, one.index);
    const difference = {
      op: one.op,
      zookeeper: one.answer,
      corral: other.answer,
      fields,
      session: this.#session,
      forecast: op,
      sequence: this.#view,
    };
    const row = differences.find(({ reply }) => reply?.(difference) === true);
    if (row === undefined) {
      this.#disagree(
        `${fields} of ${one.op.op}`,
        `${fields.join(", ")} of ${showOp(one.op)}\n      ZooKeeper: ${showEntry(one)}\n      Corral:    ${showEntry(other)}`,
      );
      return false;
    }
    this.masked.push(row.id);
    return true;
  }

  /** Is the next entry of this side an event that a row lets it have alone? Then it is passed over. */
  #excused(from: "zookeeper" | "corral"): boolean {
    const stream = this.#streams[from];
    const entry = stream[this.#at[from]];
    if (entry?.kind !== "event") return false;
    const [after, upTo] = this.#window(stream, this.#at[from]);
    const row = differences.find(
      ({ event }) =>
        event?.({
          from,
          type: entry.type,
          path: entry.path,
          session: this.#session,
          after,
          upTo,
          restored: this.#comesBefore("setWatches", stream, this.#at[from]),
          closing: this.#comesBefore("close", stream, this.#at[from]),
          sequence: this.#view,
        }) === true,
    );
    if (row === undefined) return false;
    this.masked.push(row.id);
    this.#at[from]++;
    return true;
  }

  /** The moments between which the cause of an event lies: those of its neighbours that are no events. */
  #window(stream: readonly Entry[], at: number): [number, number] {
    let [before, behind] = [at, at];
    // Behind a reconnect come events of what happened before it.
    while (before >= 0 && (stream[before]?.kind === "event" || stream[before]?.kind === "attach")) before--;
    while (behind < stream.length && stream[behind]?.kind === "event") behind++;
    return [this.#moment(stream[before]) ?? 0, this.#moment(stream[behind]) ?? Infinity];
  }

  /** Is the next that is no event the reply to this operation? */
  #comesBefore(op: Op["op"], stream: readonly Entry[], at: number): boolean {
    const next = stream.slice(at).find((entry) => entry.kind !== "event");
    return next?.kind === "reply" && next.op.op === op;
  }

  #moment(entry: Entry | undefined): number | undefined {
    if (entry === undefined || entry.kind === "event") return undefined;
    return entry.kind === "reply" ? this.#view.op(entry.step, entry.index).moment : this.#view.momentOf(entry.step);
  }

  #statFields(one: Stat, other: Stat): string[] {
    const fields: string[] = [];
    for (const field of ["version", "cversion", "aversion", "dataLength", "numChildren"] as const)
      if (one[field] !== other[field]) fields.push(field);
    for (const field of ["czxid", "mzxid", "pzxid"] as const)
      if (!this.#order.same(one[field], other[field])) fields.push(field);
    if ((this.#owners.zookeeper.get(one.owner) ?? one.owner) !== (this.#owners.corral.get(other.owner) ?? other.owner))
      fields.push("ephemeralOwner");
    return fields;
  }

  #disagree(kind: string, what: string): void {
    const stream = this.#streams.zookeeper;
    const known = stream.slice(0, this.#at.zookeeper + 1).findLast((entry) => entry.kind !== "event");
    this.disagreement ??= { session: this.#session, step: known?.step ?? 0, kind, what };
  }
}

/**
 * What is sent behind a close, or on a session that has expired, may be told that the session is gone, or nothing:
 * ZooKeeper does either, by chance.
 */
function sameError(one: string, other: string): boolean {
  return one === other || (sessionGone.has(one) && sessionGone.has(other));
}

const sessionGone: ReadonlySet<string> = new Set(["SESSION_EXPIRED", "UNKNOWN_SESSION", "NO_ANSWER"]);

function answerFields(
  one: Answer,
  other: Answer,
  stat: (one: Stat, other: Stat) => string[],
  order: ZxidOrder,
): string[] {
  if (!sameError(one.error, other.error)) return ["error"];
  const fields: string[] = [];
  for (const field of ["path", "data", "count"] as const) if (one[field] !== other[field]) fields.push(field);
  if (JSON.stringify(one.names) !== JSON.stringify(other.names)) fields.push("names");
  if (JSON.stringify(one.acl && comparable(one.acl)) !== JSON.stringify(other.acl && comparable(other.acl)))
    fields.push("acl");
  if ((one.zxid === undefined) !== (other.zxid === undefined)) fields.push("zxid");
  else if (one.zxid !== undefined && other.zxid !== undefined && !order.same(one.zxid, other.zxid)) fields.push("zxid");
  if ((one.stat === undefined) !== (other.stat === undefined)) fields.push("stat");
  else if (one.stat !== undefined && other.stat !== undefined)
    fields.push(...stat(one.stat, other.stat).map((name) => `stat.${name}`));
  if (one.parts?.length !== other.parts?.length) fields.push("parts");
  else
    for (const [index, part] of (one.parts ?? []).entries()) {
      const twin = other.parts?.[index];
      if (twin !== undefined)
        fields.push(...answerFields(part, twin, stat, order).map((name) => `parts.${index}.${name}`));
    }
  return fields;
}

/** Neighbours that one entry of scheme auth became: ZooKeeper keeps identities in a set, so these have no order. */
function comparable(acl: readonly AclEntry[]): AclEntry[] {
  const sorted = [...acl];
  for (let end = 1; end < sorted.length; end++) {
    for (let at = end; at > 0; at--) {
      const [one, other] = [sorted[at - 1], sorted[at]];
      if (one?.scheme !== "digest" || other?.scheme !== "digest" || one.perms !== other.perms || one.id <= other.id)
        break;
      [sorted[at - 1], sorted[at]] = [other, one];
    }
  }
  return sorted;
}

const owners = ({ ids }: Transcript): ReadonlyMap<string, string> =>
  new Map(ids.map((id, index) => [id, `session ${index}`]));

function drifts(view: Forecast, stream: readonly Entry[]): string[] {
  const found: string[] = [];
  for (const entry of stream) {
    if (entry.kind !== "reply") continue;
    const { foretold } = view.op(entry.step, entry.index);
    const parts = entry.answer.parts?.map(({ error }) => error);
    const wrong = foretold.error !== undefined && !sameError(foretold.error, entry.answer.error);
    const wrongParts =
      foretold.parts !== undefined && parts !== undefined && JSON.stringify(foretold.parts) !== JSON.stringify(parts);
    if (wrong || wrongParts)
      found.push(
        `step ${entry.step}: ${showOp(entry.op)}: foretold ${foretold.parts ?? foretold.error}, was ${showEntry(entry)}`,
      );
  }
  return found;
}

function kindOf(entry: Entry | undefined): string {
  if (entry === undefined) return "nothing";
  return entry.kind === "reply" ? `reply to ${entry.op.op}` : entry.kind === "event" ? entry.type : entry.kind;
}

export function showEntry(entry: Entry | undefined): string {
  if (entry === undefined) return "nothing more";
  switch (entry.kind) {
    case "event":
      return `event ${entry.type} ${entry.path}`;
    case "attach":
      return `attach ${entry.error}`;
    case "fence":
      return "fence";
    case "reply":
      return `reply to ${showOp(entry.op)}: ${JSON.stringify(entry.answer, (_, value: unknown) => (typeof value === "bigint" ? `0x${value.toString(16)}` : value))}`;
  }
}
