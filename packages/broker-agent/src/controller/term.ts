/**
 * One term of a controller, from winning to its end: asks its duties in their order, writes what the first of them wants, waits until
 * the image has it, asks again.
 *
 * Owns the loop. Decides nothing about the cluster itself, and keeps nothing that the next controller would miss.
 */
import { type CorralError, isCorralError } from "@corral/client";
import type { Delta } from "../image/views.ts";
import type { Duty, MakeDuty, PartitionChange, Step, Term } from "./duty.ts";
import { isOver, writePartitions, writeTogether, type WritesOptions } from "./writes.ts";

/** What a transaction of a duty may meet so often in a row before it ends the term. */
const CONFLICTS_MAX = 10;
/** Duties are asked again after so many milliseconds at the latest; timers take no longer times. */
const IDLE_MAX_MS = 3_600_000;
/** What a transaction is refused with by what it meets or how large it is, and may not be refused with when it is made anew. */
const CONFLICTS = [
  "BAD_VERSION",
  "NO_NODE",
  "NODE_EXISTS",
  "NOT_EMPTY",
  "GUARD_FAILED",
  "LIMIT_EXCEEDED",
  "QUOTA_EXCEEDED",
] as const;

export interface TermOptions {
  readonly term: Term;
  /** All of them hold while the term lasts; the term's own is one of them. */
  readonly guards: WritesOptions["guards"];
  readonly duties: readonly MakeDuty[];
  /** Of what is left alone, and the term goes on. */
  readonly onError: (error: unknown, where: string) => void;
}

/** Resolves when the term is over; rejects with what goes wrong before, and then nobody sees to the duties any more. */
export async function serveTerm(options: TermOptions): Promise<void> {
  const { signal } = options.term;
  const serving = new Serving(options);
  try {
    await serving.run();
  } catch (error) {
    // What fails because it is over, does not fail.
    if (!signal.aborted && !isOver(options, error)) throw error;
  }
}

class Serving {
  readonly #options: TermOptions;
  readonly #writes: WritesOptions;
  readonly #duties: readonly Duty[];
  /** In a row, by duty. */
  readonly #conflicts = new Map<Duty, number>();
  /** What a duty threw when it was told of a change. */
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(options: TermOptions) {
    const { term, guards, duties } = options;
    this.#options = options;
    this.#writes = { client: term.client, image: term.image, guards, signal: term.signal };
    this.#duties = duties.map((make) => make(term));
  }

  async run(): Promise<void> {
    const { image, signal } = this.#options.term;
    // The controller before wrote nothing after its place was gone, and that is before this.
    await this.#catchUp();
    const wake = (): void => this.#wake?.();
    // From here to the loop nothing is awaited: no change is left out, none is told of before its duty has begun.
    const stop = image.on((delta) => {
      this.#notice(delta);
    });
    signal.addEventListener("abort", wake);
    try {
      for (const duty of this.#duties) duty.begin();
      while (!signal.aborted) {
        if (this.#failure !== undefined) throw this.#failure.error;
        const due = this.#due();
        if (due === undefined) await this.#idle();
        else await this.#carryOut(due.duty, due.step);
      }
    } finally {
      stop();
      signal.removeEventListener("abort", wake);
    }
  }

  #notice(delta: Delta): void {
    try {
      for (const duty of this.#duties) duty.notice(delta);
    } catch (error) {
      this.#failure ??= { error };
    }
    this.#wake?.();
  }

  #due(): { readonly duty: Duty; readonly step: Step } | undefined {
    for (const duty of this.#duties) {
      const step = duty.next();
      if (step === undefined) continue;
      if ((step.partitions?.length ?? 0) === 0 && (step.together?.length ?? 0) === 0) {
        throw new Error(`the duty ${duty.name} wants to write nothing: ${step.what}`);
      }
      return { duty, step };
    }
    return undefined;
  }

  /** Until something changes, the first timer of a duty is due, or the term is over. */
  #idle(): Promise<void> {
    const { clock } = this.#options.term.client;
    const soonest = this.#duties.reduce((least, { againInMs }) => Math.min(least, againInMs ?? Infinity), Infinity);
    return new Promise((resolve) => {
      const cancel = soonest === Infinity ? undefined : clock.setTimeout(() => this.#wake?.(), between(soonest));
      this.#wake = () => {
        this.#wake = undefined;
        cancel?.();
        resolve();
      };
    });
  }

  async #carryOut(duty: Duty, { partitions = [], together = [], guards }: Step): Promise<void> {
    const { zxid, changed, untried } = await writePartitions(this.#writes, partitions);
    if (changed.length > 0 || untried.length > 0) {
      await this.#catchUp();
      duty.refused([...this.#still(duty, changed), ...untried]);
      return;
    }
    if (together.length === 0) return this.#atLeast(zxid);
    try {
      await this.#atLeast(await writeTogether(this.#writes, together, guards));
      this.#conflicts.delete(duty);
    } catch (error) {
      if (!isCorralError(error, ...CONFLICTS) || isOver(this.#options, error)) throw error;
      await this.#conflict(duty, error);
    }
  }

  async #conflict(duty: Duty, error: CorralError): Promise<void> {
    const conflicts = (this.#conflicts.get(duty) ?? 0) + 1;
    if (conflicts > CONFLICTS_MAX) {
      throw new Error(`the duty ${duty.name} was refused ${conflicts} times in a row`, { cause: error });
    }
    this.#conflicts.set(duty, conflicts);
    await this.#catchUp();
    duty.refused([], error);
  }

  /** Without those that the image still has as they were: what stands there cannot be read, and would be refused again and again. */
  #still(duty: Duty, changed: readonly PartitionChange[]): PartitionChange[] {
    const { term, onError } = this.#options;
    return changed.filter(({ before }) => {
      const { topicId, partition } = before;
      if (term.image.partition(topicId, partition) !== before) return true;
      const path = term.image.paths.partition(topicId, partition);
      const why = term.image.unreadable().get(path) ?? "it is not what the image has";
      onError(new Error(`${path} is left alone: ${why}`), `controller, ${duty.name}`);
      return false;
    });
  }

  /** Everything that anybody was told of before this is in the image. */
  async #catchUp(): Promise<void> {
    const { client, image, signal } = this.#options.term;
    await this.#atLeast(await client.sync(image.paths.cluster, { signal, timeoutMs: Infinity }));
  }

  #atLeast(zxid: number): Promise<void> {
    const { image, signal } = this.#options.term;
    return image.atLeast(zxid, { signal, timeoutMs: Infinity });
  }
}

function between(ms: number): number {
  return Math.min(Math.max(0, ms), IDLE_MAX_MS);
}
