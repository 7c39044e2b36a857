/** Hand-made histories of a group: facts entry by entry, and what its programs would have noted beside them. */
import type { Fact, Gone, Told } from "../src/check/groups/facts.ts";
import { type Handled, newNotes, type Notes } from "../src/check/groups/notes.ts";
import type { Violation } from "../src/history.ts";

interface Held {
  readonly key: string;
  readonly member: string;
  readonly token: number;
  readonly session: number;
}

/** A log of a group, and the notes beside it. What it is told it writes down, whether it may be or not. */
export class Book {
  readonly facts: Fact[] = [];
  readonly notes: Notes = newNotes();
  readonly #sessions = new Map<string, number>();
  readonly #candidates = new Map<string, number>();
  readonly #targets = new Map<string, readonly string[]>();
  #length = 0;
  #order = 0;
  #epoch = 0;

  /** How long the log is. */
  get at(): number {
    return this.#length;
  }

  /** One entry. */
  entry(...all: readonly Told[]): number {
    const index = this.#length++;
    const zxid = index + 1;
    for (const told of all) this.facts.push({ ...told, zxid, index });
    return zxid;
  }

  sessionOf(member: string): number {
    return this.#sessions.get(member) ?? 0;
  }

  join(member: string, isStatic = false): this {
    const session = 1_000 + this.#length;
    this.#sessions.set(member, session);
    this.entry({ kind: "member", member, life: this.#length + 1, session, isStatic });
    return this;
  }

  stand(member: string): this {
    this.#candidates.set(member, this.#length + 1);
    this.entry({ kind: "candidate", czxid: this.#length + 1, session: this.sessionOf(member) });
    return this;
  }

  resign(member: string): this {
    this.entry({ kind: "uncandidate", czxid: this.#candidates.get(member)! });
    return this;
  }

  leave(member: string, gone: Gone = "own", isAway = false): this {
    const away: readonly Told[] = isAway ? [{ kind: "instance", instance: member, state: "away" }] : [];
    this.entry({ kind: "unmember", member, session: this.sessionOf(member), gone }, ...away);
    return this;
  }

  /** `a: "t0 t1"`; whoever is not named has nothing any more. Written by `by`. */
  divide(
    by: string,
    targets: Readonly<Record<string, string>>,
    more: { assignor?: string; epoch?: number } = {},
  ): this {
    const epoch = (this.#epoch = more.epoch ?? this.#epoch + 1);
    const gone = [...this.#targets.keys()].filter((member) => !(member in targets));
    for (const member of gone) this.#targets.delete(member);
    const given = Object.entries(targets).map(([member, text]): Told => {
      const partitions = text.split(" ").filter(Boolean).map(keyIn);
      this.#targets.set(member, partitions);
      return { kind: "target", member, epoch, partitions };
    });
    const candidacy = this.#candidates.get(by);
    this.entry(...gone.map((member): Told => ({ kind: "untarget", member })), ...given, {
      kind: "division",
      epoch,
      assignor: more.assignor ?? "cooperative-sticky",
      candidacy,
    });
    return this;
  }

  claim(member: string, name: string, token = this.#length + 1): Held {
    const held = { key: keyIn(name), member, token, session: this.sessionOf(member) };
    this.entry({ kind: "claim", ...held });
    return held;
  }

  let(held: Held, gone: Gone = "own"): this {
    this.entry({ kind: "unclaim", key: held.key, token: held.token, gone });
    return this;
  }

  /** With its effect, if there is one, and with what else is in the same transaction. */
  commit(held: Held, offset: number, effect?: number): this {
    const { key, member, token: claim, session } = held;
    const first: readonly Told[] = effect === undefined ? [] : [{ kind: "effect", key, offset: effect }];
    this.entry(...first, { kind: "offset", key, offset, claim, member, session });
    return this;
  }

  reset(name: string, offset: number): this {
    this.entry({ kind: "offset", key: keyIn(name), offset, claim: 0, member: "administrator", session: 7 });
    return this;
  }

  /** A call of a handler from its beginning to its end. */
  handle(
    held: Held,
    offset: number,
    how: "done" | "throws" | "runs" = "done",
    life = held.member,
    joined = 1,
  ): Handled {
    const { key, token } = held;
    const call: Handled = {
      life,
      joined,
      key,
      token,
      offset,
      at: this.at,
      order: ++this.#order,
      worked: how === "done" ? this.at : undefined,
      end: undefined,
    };
    this.notes.handled.push(call);
    if (how !== "runs") this.end(call, how === "throws");
    return call;
  }

  end(call: Handled, hasThrown = false): void {
    call.end = { order: ++this.#order, hasThrown };
    if (!hasThrown) call.worked ??= this.at;
  }

  seek(held: Held, offset: number, life = held.member): this {
    this.notes.sought.push({ life, key: held.key, offset, at: this.at });
    return this;
  }

  apply(held: Held, offset: number): this {
    this.notes.applied.push({ key: held.key, token: held.token, offset, at: this.at });
    return this;
  }

  /** So many messages were appended. */
  append(name: string, end: number): this {
    this.notes.ends.set(keyIn(name), end);
    return this;
  }
}

/** `t0` is partition 0 of topic t. */
export const keyIn = (name: string): string => `${name.slice(0, 1)}/${name.slice(1)}`;

/** A group of these members, of which the first leads, each with what is told here. */
export function group(targets: Readonly<Record<string, string>>): Book {
  const book = new Book();
  for (const member of Object.keys(targets)) book.join(member).stand(member);
  return book.divide(Object.keys(targets)[0]!, targets);
}

export const said = (violations: readonly Violation[]): string => violations.map(({ what }) => what).join("\n");
