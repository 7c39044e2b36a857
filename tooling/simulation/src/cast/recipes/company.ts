/**
 * What all programs with recipes share: the book, the stores outside, and who holds what at this moment.
 *
 * Looks at holders only while they run: who stands still knows nothing, and who is dead holds nothing. Never judges.
 */
import type { Held } from "@corral/recipes";
import type { Process } from "@corral/testing/world";
import { Book, type Hold } from "../../check/recipes/book.ts";
import type { Plant } from "../../plant.ts";
import type { Stage } from "../cast.ts";
import type { RecipeMark } from "./marks.ts";

/** Below it stands everything that recipes make. */
export const ROOT = "/recipes";

/** Of a look a little later than the event that made it worth looking. */
const LATER_MS = 2;

/** A program that holds something, as far as it is looked at. */
interface Holder {
  readonly name: string;
  readonly process: Process;
  /** How long its clock has stood still, milliseconds. */
  sleptMs(): number;
  /** May its clocks be trusted to tell it in time? */
  readonly canKnowTime: boolean;
}

interface Holding {
  readonly hold: Hold;
  readonly held: Pick<Held, "isValid" | "signal">;
  readonly member: Holder;
}

export class Company {
  readonly book: Book = new Book();
  readonly stage: Stage;
  /** One that the programs make on purpose. */
  readonly mistake: Plant | undefined;
  /** Of each store outside: the greatest token that it has seen. */
  readonly #stores = new Map<string, number>();
  readonly #present = new Set<Holding>();
  /** Who wants to be told that it is calm; undefined once it is. */
  #whenCalm: Set<() => void> | undefined = new Set();

  constructor(stage: Stage) {
    this.stage = stage;
    this.mistake = stage.plant;
  }

  /** Zxid of the last entry that was committed. */
  get at(): number {
    return this.stage.history.entries.at(-1)?.zxid ?? 0;
  }

  get isCalm(): boolean {
    return this.#whenCalm === undefined;
  }

  /** Calls once, when nothing new is to be begun. The function returned calls it off. */
  whenCalm(call: () => void): () => void {
    if (this.#whenCalm === undefined) call();
    this.#whenCalm?.add(call);
    return () => this.#whenCalm?.delete(call);
  }

  calm(): void {
    const calls = this.#whenCalm ?? [];
    this.#whenCalm = undefined;
    for (const call of calls) call();
  }

  mark(mark: RecipeMark): void {
    this.stage.sometimes(mark);
  }

  /** Somebody was told that he holds. */
  got(member: Holder, about: Omit<Hold, "holder" | "gotAt" | "validAt" | "lateAt">, held: Holding["held"]): Hold {
    const at = this.at;
    const hold: Hold = { ...about, holder: member.name, gotAt: at, validAt: 0, lateAt: undefined };
    this.book.holds.push(hold);
    this.stage.note(`${member.name} got ${hold.kind} ${hold.place} ${hold.token}`);
    this.look();
    this.#watchLosers(hold);
    this.#present.add({ hold, held, member });
    held.signal.addEventListener("abort", () => this.#lost(hold, held.signal.reason), { once: true });
    this.look();
    return hold;
  }

  #lost(hold: Hold, reason: unknown): void {
    const { code } = reason as { code?: string };
    if (code === "SESSION_EXPIRED") this.mark("recipes: a hold was lost with its session");
    if (code === "GUARD_FAILED") this.mark("recipes: a hold was taken away by order");
    if (code === "SUSPENDED") this.mark("recipes: a hold was given up because the connection broke");
    this.stage.note(`${hold.holder} lost ${hold.kind} ${hold.place} ${hold.token}: ${code}`);
    for (const one of this.#present) if (one.hold === hold) this.#present.delete(one);
  }

  /** Every holder who runs looks whether he holds. */
  look(): void {
    const { at } = this;
    for (const one of this.#present) {
      const { hold, held, member } = one;
      if (member.process.isDead) {
        this.mark("recipes: a holder was killed while it held");
        this.#present.delete(one);
      } else if (!member.process.isStalled && held.isValid && member.canKnowTime) hold.validAt = at;
    }
  }

  /** Whoever had it before has been told by now. */
  #watchLosers({ kind, place, token }: Hold): void {
    if (kind !== "lock" && kind !== "write" && kind !== "term") return;
    const { at } = this;
    for (const { hold, held, member } of this.#present) {
      if (hold.place !== place || hold.kind !== kind || hold.token >= token || held.signal.aborted) continue;
      if (member.process.isStalled) this.mark("recipes: somebody stood still while another took over what he held");
      const sleptMs = member.sleptMs();
      member.process.after(LATER_MS, "timer", () => {
        // Timers go by a clock that does not count sleep.
        const hasSlept = sleptMs > 0 || member.sleptMs() > 0;
        if (!held.signal.aborted && member.canKnowTime && !hasSlept) hold.lateAt ??= at;
      });
    }
  }

  /** Writes to what lies outside of everything, and goes by tokens. Was it taken? */
  store(store: string, token: number): boolean {
    const greatest = this.#stores.get(store) ?? 0;
    const shown = this.mistake === "writes-without-token" ? Number.MAX_SAFE_INTEGER : token;
    const isTaken = shown >= greatest;
    if (isTaken) this.#stores.set(store, this.mistake === "writes-without-token" ? greatest : shown);
    else this.mark("recipes: a stale token was refused");
    this.book.attempts.push({ store, token, shown, isTaken, at: this.at });
    return isTaken;
  }
}
