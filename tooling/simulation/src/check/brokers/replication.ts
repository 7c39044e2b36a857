/**
 * The replicated logs, by what hosts noted and by who was elected when: one leader an epoch, nothing that was committed is ever another
 * record, nothing that was acknowledged is lost.
 *
 * Lost may be what only the elected one could have kept, and did not: where it was put in sync uncleanly, or where its disk lost the end of its log and
 * nobody in sync was there all the time. What it has not is forgotten then, of all that leaders of earlier epochs committed; what it has counts on:
 * only another election of that kind can lose that. Who was elected so may be gone again before it hears of it: then what it has comes to light at
 * a later election of it, and nobody can have led in between.
 */
import type { Violation } from "../../history.ts";
import { type ClusterLaw, electionKey } from "./cluster-law.ts";
import type { LogRecord, Note } from "./notes.ts";

interface Committed {
  readonly record: LogRecord;
  /** Of the leader that committed it first. */
  readonly by: number;
}

interface PartitionLog {
  readonly committed: Committed[];
  acknowledged: { readonly value: number; readonly by: number }[];
  /** Epochs whose leaders had been elected though they might not have everything, and led. */
  readonly doubts: number[];
  /** Epochs seen: who led. */
  readonly leaders: Map<number, string>;
}

const isSame = (a: LogRecord | undefined, b: LogRecord): boolean => a?.value === b.value && a.epoch === b.epoch;

export class ReplicationCheck {
  readonly violations: Violation[] = [];
  readonly #law: ClusterLaw;
  readonly #sometimes: (mark: string) => void;
  readonly #logs = new Map<string, PartitionLog>();
  /** Of which partitions brokers have lost the end of their logs: `<key> <broker>`. */
  readonly #lossy = new Set<string>();

  constructor(law: ClusterLaw, sometimes: (mark: string) => void) {
    this.#law = law;
    this.#sometimes = sometimes;
  }

  #fail(what: string): void {
    this.violations.push({ check: "replicas", what });
  }

  #of(key: string): PartitionLog {
    const found = this.#logs.get(key);
    if (found !== undefined) return found;
    const made = { committed: [], acknowledged: [], doubts: [], leaders: new Map<number, string>() };
    this.#logs.set(key, made);
    return made;
  }

  look(note: Note): void {
    switch (note.kind) {
      case "leads":
        return this.#lead(note);
      case "commits":
        return this.#commit(note);
      case "acknowledges":
        return this.#acknowledge(note);
      case "loses":
        if (note.records > 0) this.#lossy.add(`${note.key} ${note.broker}`);
        return;
      case "holds":
        return this.#hold(note.key, note.log, Number.POSITIVE_INFINITY, `in the end broker ${note.broker}`);
      default:
        return;
    }
  }

  #lead({ key, broker, leaderEpoch, brokerEpoch, log }: Extract<Note, { kind: "leads" }>): void {
    const at = electionKey(key, leaderEpoch);
    const who = `broker ${broker} of epoch ${brokerEpoch}`;
    const { leaders, doubts } = this.#of(key);
    const other = leaders.get(leaderEpoch);
    if (other !== undefined && other !== who) this.#fail(`${at} is led by ${who}, and was by ${other}`);
    leaders.set(leaderEpoch, who);
    const elected = this.#law.elections.get(at);
    if (elected?.leader !== broker || elected.brokerEpoch !== brokerEpoch) {
      this.#fail(`${at} is led by ${who}, and elected was ${JSON.stringify(elected)}`);
      return;
    }
    const doubt = this.#doubtOf(key, broker, leaderEpoch);
    const missing = this.#missing(key, log, leaderEpoch);
    if (doubt !== undefined && !doubts.includes(leaderEpoch)) doubts.push(leaderEpoch);
    if (missing === undefined) return;
    if (doubt === undefined) return this.#fail(`${who} leads ${at} ${missing}`);
    this.#forget(key, log, leaderEpoch);
    this.#sometimes(
      doubt === "lossy" ? "what every disk had lost was lost" : "an unclean election lost what was acknowledged",
    );
  }

  /**
   * Why it leads though it may lack something: by what was decided with this epoch, or with an earlier one after which nobody has led. Whoever
   * has led was looked at then.
   */
  #doubtOf(key: string, broker: number, leaderEpoch: number): "stranger" | "lossy" | undefined {
    const { leaders } = this.#of(key);
    const { elections, strangers } = this.#law;
    for (let epoch = leaderEpoch; epoch >= 0; epoch--) {
      if (epoch < leaderEpoch && leaders.has(epoch)) return undefined;
      const at = electionKey(key, epoch);
      const elected = elections.get(at);
      if (strangers.get(at)?.includes(broker) === true) return "stranger";
      if (elected?.leader === broker && !elected.isSure && this.#lossy.has(`${key} ${broker}`)) return "lossy";
    }
    return undefined;
  }

  /** Undefined: it has everything that leaders of earlier epochs committed or acknowledged. */
  #missing(key: string, log: readonly LogRecord[], before: number): string | undefined {
    const { committed, acknowledged } = this.#of(key);
    const at = committed.findIndex(({ record, by }, i) => by < before && !isSame(log[i], record));
    if (at !== -1) return `without what was committed at ${at}`;
    const values = new Set(log.map(({ value }) => value));
    const lost = acknowledged.find(({ value, by }) => by < before && !values.has(value));
    return lost === undefined ? undefined : `without ${lost.value}, which was acknowledged`;
  }

  #forget(key: string, log: readonly LogRecord[], before: number): void {
    const of = this.#of(key);
    const at = of.committed.findIndex(({ record, by }, i) => by < before && !isSame(log[i], record));
    if (at !== -1) of.committed.splice(at);
    const values = new Set(log.map(({ value }) => value));
    of.acknowledged = of.acknowledged.filter(({ value, by }) => by >= before || values.has(value));
  }

  /** It leads no more, and who led after it began without knowing of this. */
  #isPast(key: string, leaderEpoch: number): boolean {
    return this.#of(key).doubts.some((doubt) => doubt > leaderEpoch);
  }

  #acknowledge({ key, leaderEpoch, value }: Extract<Note, { kind: "acknowledges" }>): void {
    const of = this.#of(key);
    if (!this.#isPast(key, leaderEpoch)) of.acknowledged.push({ value, by: leaderEpoch });
  }

  #commit({ key, broker, leaderEpoch, from, to, records }: Extract<Note, { kind: "commits" }>): void {
    const { committed } = this.#of(key);
    const at = electionKey(key, leaderEpoch);
    if (to < from) this.#fail(`the high watermark of ${at} fell from ${from} to ${to}`);
    if (this.#isPast(key, leaderEpoch)) return;
    for (let offset = from; offset < to; offset++) {
      const record = records[offset - from];
      const known = committed[offset];
      if (record === undefined) this.#fail(`broker ${broker} commits at ${at} ${offset}, which it has not`);
      else if (known === undefined) committed[offset] = { record, by: leaderEpoch };
      else if (!isSame(known.record, record)) this.#fail(`broker ${broker} commits another record at ${at} ${offset}`);
    }
  }

  #hold(key: string, log: readonly LogRecord[], before: number, who: string): void {
    const missing = this.#missing(key, log, before);
    if (missing !== undefined) this.#fail(`${who} holds ${key} ${missing}`);
  }
}
