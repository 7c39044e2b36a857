// Runs one sequence on one server and writes down what each session heard, in order. It owns the sessions of the run
// and the znodes the harness needs beside the sequence's own; it judges nothing.
import { setTimeout as delay } from "node:timers/promises";
import { openAcl } from "./acl.ts";
import type { Answer, ErrorName, EventType, Session, StreamItem, Target } from "./answer.ts";
import type { Create, Op, Sequence, Step } from "./operation.ts";

/** Milliseconds. Long enough for a busy machine: no session with it expires in a run. */
const longTimeout = 60_000;
/** Milliseconds. Short, as the run waits for it. */
const mortalTimeout = 1_500;
/** Milliseconds between two looks whether a session is gone, and until the harness gives up. */
const expiryPoll = 50;
const expiryLimit = 30_000;
/** Milliseconds a step may take on one server, expiry aside. */
const stepLimit = 60_000;

export type Entry =
  | { readonly kind: "reply"; readonly step: number; readonly index: number; readonly op: Op; readonly answer: Answer }
  | { readonly kind: "event"; readonly type: EventType; readonly path: string }
  | { readonly kind: "attach"; readonly step: number; readonly error: ErrorName }
  | { readonly kind: "fence"; readonly step: number; readonly unordered: boolean };

export interface Transcript {
  /** For each session, what it heard. */
  readonly streams: readonly (readonly Entry[])[];
  /** The session ids of this server by index; they stand in Stats as owners. */
  readonly ids: readonly string[];
}

/** Runs `sequence` below the znode `top`, which must not be there yet. */
export async function runSequence(target: Target, sequence: Sequence, top: string): Promise<Transcript> {
  const control = await openQuiet(target, "", longTimeout);
  const run = new Run(sequence, top, control);
  try {
    await control.does({ ...persistent, path: top });
    await run.open(target);
    for (const [index, step] of sequence.steps.entries())
      await inTime(run.step(index, step), `step ${index} of seed ${sequence.seed} on ${target.name}`);
    return run.transcript();
  } finally {
    await run.end();
    await control.session.end();
  }
}

const persistent: Omit<Create, "path"> = { op: "create", data: null, acl: openAcl, mode: "persistent", stat: false };

class Run {
  readonly #sequence: Sequence;
  readonly #top: string;
  readonly #control: Quiet;
  readonly #sessions: Session[] = [];
  readonly #streams: Entry[][] = [];
  /** Sessions that have no connection now. */
  readonly #away = new Set<number>();
  readonly #expired = new Set<Entry[]>();
  #step = -1;
  #index = 0;

  constructor(sequence: Sequence, top: string, control: Quiet) {
    this.#sequence = sequence;
    this.#top = top;
    this.#control = control;
  }

  async open(target: Target): Promise<void> {
    for (const [index, mortal] of this.#sequence.mortal.entries()) {
      const stream: Entry[] = [];
      this.#streams.push(stream);
      const receive = (item: StreamItem): void => this.#receive(stream, item);
      const session = await target.open({ top: this.#top, timeoutMs: mortal ? mortalTimeout : longTimeout, receive });
      this.#sessions.push(session);
      if (mortal) await session.burst([{ ...persistent, mode: "ephemeral", path: `=${this.#marker(index)}` }]);
    }
  }

  async step(index: number, step: Step): Promise<void> {
    this.#step = index;
    this.#index = 0;
    if (step.step === "fence") {
      const attached = [...this.#sessions.keys()].filter((one) => !this.#away.has(one));
      await Promise.all(attached.map((one) => this.#session(one).fence()));
      for (const one of attached) this.#stream(one).push({ kind: "fence", step: index, unordered: step.unordered });
      return;
    }
    const session = this.#session(step.session);
    switch (step.step) {
      case "burst":
        await session.burst(step.ops);
        if (step.ops.some(({ op }) => op === "close")) this.#away.add(step.session);
        return;
      case "drop":
        this.#away.add(step.session);
        return session.drop();
      case "attach": {
        const error = await session.attach();
        if (error === "OK") this.#away.delete(step.session);
        this.#stream(step.session).push({ kind: "attach", step: index, error });
        return;
      }
      case "expire":
        this.#away.add(step.session);
        this.#expired.add(this.#stream(step.session));
        if (step.how === "dropped") await session.drop();
        else session.silence();
        return this.#gone(step.session);
    }
  }

  transcript(): Transcript {
    return { streams: this.#streams, ids: this.#sessions.map(({ id }) => id) };
  }

  async end(): Promise<void> {
    this.#step = -1;
    for (const session of this.#sessions) await session.end();
  }

  /** Waits until the session's marker, an ephemeral outside the sequence, went with the session. */
  async #gone(index: number): Promise<void> {
    const deadline = performance.now() + expiryLimit;
    while (performance.now() < deadline) {
      const { error } = await this.#control.does({ op: "exists", path: this.#marker(index), watch: false });
      if (error === "NO_NODE") return;
      await delay(expiryPoll);
    }
    throw new Error(`session ${index} of seed ${this.#sequence.seed} did not expire within ${expiryLimit} ms`);
  }

  #receive(stream: Entry[], item: StreamItem): void {
    // Before the first step and behind the last one only the harness is at work.
    if (this.#step < 0) return;
    if (item.kind === "event") {
      // What a dying connection still gets is chance.
      if (!this.#expired.has(stream)) stream.push(item);
    } else stream.push({ kind: "reply", step: this.#step, index: this.#index++, op: item.op, answer: item.answer });
  }

  #marker(index: number): string {
    return `/marker-${this.#top.slice(1)}-${index}`;
  }

  #stream(index: number): Entry[] {
    const stream = this.#streams[index];
    if (stream === undefined) throw new RangeError(`no session ${index}`);
    return stream;
  }

  #session(index: number): Session {
    const session = this.#sessions[index];
    if (session === undefined) throw new RangeError(`no session ${index}`);
    return session;
  }
}

/** A session of the harness: one operation at a time, no transcript. */
interface Quiet {
  readonly session: Session;
  does(op: Op): Promise<Answer>;
}

async function openQuiet(target: Target, top: string, timeoutMs: number): Promise<Quiet> {
  let last: Answer | undefined;
  const receive = (item: StreamItem): void => {
    if (item.kind === "reply") last = item.answer;
  };
  const session = await target.open({ top, timeoutMs, receive });
  const does = async (op: Op): Promise<Answer> => {
    await session.burst([op]);
    if (last === undefined) throw new Error(`${target.name} gave no answer to ${op.op}`);
    return last;
  };
  return { session, does };
}

async function inTime(work: Promise<void>, what: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end of ${what} within ${stepLimit} ms`)), stepLimit);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
