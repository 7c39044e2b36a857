/**
 * Members of one group as processes, and the sink that they write to. The sink keeps, of each partition, the greatest token and the offset
 * that comes next: what it applies is what has happened to the world outside.
 */
import path from "node:path";
import { TellingProcess } from "../telling-process.ts";
import type { FromMember, MemberOrder, ToMember, Verdict } from "./words.ts";

const MAIN = path.join(import.meta.dirname, "../../dist/groups/member-process.js");

export class Sink {
  readonly #partitions = new Map<number, { token: number; next: number }>();
  /** Effects that would have happened a second time, or out of order, but for the offset; and those of stale tokens. */
  known = 0;
  fenced = 0;
  /** Without the look at the token: what a sink that trusts everybody would do. */
  readonly #trusts: boolean;
  readonly applied: Map<string, number> = new Map();
  gaps = 0;

  constructor(trusts = false) {
    this.#trusts = trusts;
  }

  take(partition: number, offset: number, token: number): Verdict {
    const kept = this.#partitions.get(partition) ?? { token: 0, next: 0 };
    this.#partitions.set(partition, kept);
    if (!this.#trusts) {
      if (token < kept.token) {
        this.fenced++;
        return "fenced";
      }
      if (offset < kept.next) {
        kept.token = token;
        this.known++;
        return "known";
      }
    }
    if (offset > kept.next) this.gaps++;
    kept.token = Math.max(kept.token, token);
    kept.next = Math.max(kept.next, offset + 1);
    const name = `${partition}-${offset}`;
    this.applied.set(name, (this.applied.get(name) ?? 0) + 1);
    return "applied";
  }

  get doubles(): number {
    return [...this.applied.values()].filter((times) => times > 1).length;
  }
}

export class Member extends TellingProcess<ToMember, FromMember> {
  #serial = 0;

  constructor(order: MemberOrder, sink: Sink) {
    super("a member", MAIN, order, (event) => {
      if (event.told !== "effect") return false;
      this.tell({ answer: event.serial, verdict: sink.take(event.partition, event.offset, event.token) });
      return true;
    });
  }

  async started(): Promise<string> {
    return (await this.until("started")).member;
  }

  async size(): Promise<{ readonly claimed: number; readonly state: string }> {
    const serial = ++this.#serial;
    this.tell({ ask: "sizes", serial });
    return this.until("sizes", (event) => event.serial === serial);
  }

  async close(temporarily = false): Promise<void> {
    this.tell({ ask: "close", temporarily });
    await this.ended;
  }
}
