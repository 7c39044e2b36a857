/**
 * Time: one queue of events, ordered by their time and then by when they were put there. Between two events every promise
 * that can go on has gone on.
 *
 * Owns the order of everything that happens. Virtual time stands still until something is on its way (a message, a write to
 * the disk), which it follows by itself, or until it is advanced. Real time is the same queue, waited for.
 */

/** `work` is on its way and will arrive without anybody waiting for it; a `timer` waits for time to pass. */
export type EventKind = "work" | "timer";

interface Due {
  readonly at: number;
  readonly order: number;
  readonly kind: EventKind;
  /** Undefined once called off. */
  call: (() => void) | undefined;
}

/** Taken before anything can put a false one in its place. */
const { setImmediate: nextTurn, setTimeout: wait, clearTimeout: stopWaiting } = globalThis;
const realNow = performance.now.bind(performance);

/** More events than this in one go: something feeds itself. */
const EVENTS_MAX = 10_000_000;

export class Timeline {
  readonly isVirtual: boolean;
  readonly #eventsMax: number;
  readonly #queue: Due[] = [];
  readonly #startedAt = realNow();
  #now = 0;
  #order = 0;
  #working = 0;
  #target = 0;
  #isRunning = false;
  #isEnded = false;
  #cancelWait: (() => void) | undefined;
  #failure: { readonly error: unknown } | undefined;
  #waiters: {
    readonly until: number | "idle";
    readonly resolve: () => void;
    readonly reject: (error: unknown) => void;
  }[] = [];
  /** Events so far. */
  events = 0;

  /** `eventsMax`: more than so many in one go are an error. */
  constructor(isVirtual: boolean, eventsMax: number = EVENTS_MAX) {
    this.isVirtual = isVirtual;
    this.#eventsMax = eventsMax;
  }

  /** Milliseconds since the world began. */
  get now(): number {
    return this.isVirtual ? this.#now : realNow() - this.#startedAt;
  }

  /** Events that wait for their time. */
  get pending(): number {
    return this.#queue.reduce((sum, due) => sum + (due.call === undefined ? 0 : 1), 0);
  }

  /** Calls at this time or, if it is past, as soon as may be. The function returned calls it off. */
  at(time: number, kind: EventKind, call: () => void): () => void {
    const due: Due = { at: Math.max(time, this.#now), order: ++this.#order, kind, call };
    if (this.#isEnded) return () => {};
    push(this.#queue, due);
    if (kind === "work") this.#working++;
    if (kind === "work" || !this.isVirtual) this.#start();
    return () => {
      if (due.call === undefined) return;
      due.call = undefined;
      if (kind === "work") this.#working--;
    };
  }

  /** Lets time pass: everything due within it happens. Rejects with what an event threw. */
  advance(ms: number): Promise<void> {
    const until = this.now + ms;
    this.#target = Math.max(this.#target, until);
    return this.#wait(until);
  }

  /** Until nothing is on its way any more. Timers that are due later stay. */
  runUntilIdle(): Promise<void> {
    return this.#wait("idle");
  }

  /** Nothing happens any more. */
  end(): void {
    this.#isEnded = true;
    this.#queue.length = 0;
    this.#working = 0;
    this.#cancelWait?.();
    for (const { resolve } of this.#waiters.splice(0)) resolve();
  }

  #wait(until: number | "idle"): Promise<void> {
    if (this.#isEnded) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ until, resolve, reject });
      this.#start();
    });
  }

  #start(): void {
    this.#cancelWait?.();
    if (this.#isRunning || this.#isEnded) return;
    this.#isRunning = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    for (let i = 0; ; i++) {
      await new Promise<void>((resolve) => void nextTurn(resolve));
      if (this.#isEnded) break;
      if (i === this.#eventsMax)
        this.#failure ??= { error: new Error(`${this.#eventsMax} events in one go: the world does not come to rest`) };
      const due = this.#next();
      if (due === undefined || this.#failure !== undefined) break;
      this.#happen(due);
      this.#settle();
    }
    this.#isRunning = false;
    if (!this.#isEnded) this.#rest();
  }

  /** The next event, if it is its time. */
  #next(): Due | undefined {
    for (;;) {
      const first = this.#queue[0];
      if (first === undefined) return undefined;
      if (first.call !== undefined) {
        const isDue = this.isVirtual ? this.#working > 0 || first.at <= this.#target : first.at <= this.now;
        return isDue ? pop(this.#queue) : undefined;
      }
      pop(this.#queue);
    }
  }

  #happen(due: Due): void {
    this.#now = Math.max(this.#now, due.at);
    this.events++;
    const { call } = due;
    due.call = undefined;
    if (due.kind === "work") this.#working--;
    try {
      call?.();
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  /** Nothing more is due now. */
  #rest(): void {
    if (this.#failure !== undefined) return this.#fail(this.#failure.error);
    this.#now = Math.max(this.#now, this.isVirtual ? this.#target : this.now);
    this.#settle(true);
    if (this.isVirtual || this.#isRunning || this.#isEnded) return;
    const times = this.#waiters.map(({ until }) => (until === "idle" ? Number.POSITIVE_INFINITY : until));
    const next = Math.min(this.#queue[0]?.at ?? Number.POSITIVE_INFINITY, ...times);
    if (next === Number.POSITIVE_INFINITY) return;
    const timer = wait(
      () => {
        this.#cancelWait = undefined;
        this.#start();
      },
      Math.max(0, Math.ceil(next - this.now)),
    );
    this.#cancelWait = () => {
      stopWaiting(timer);
      this.#cancelWait = undefined;
    };
  }

  /** To whoever waits; if nobody does, out of the loop, as any error that nobody catches. */
  #fail(error: unknown): void {
    this.#failure = undefined;
    const waiters = this.#waiters.splice(0);
    for (const { reject } of waiters) reject(error);
    if (waiters.length === 0) {
      nextTurn(() => {
        throw error;
      });
    }
    this.#start();
  }

  #settle(isResting = false): void {
    if (this.#waiters.length === 0) return;
    if (this.#failure !== undefined) return;
    // While events of the same moment are left, the moment is not over.
    if (!isResting && (this.#queue[0]?.at ?? Number.POSITIVE_INFINITY) <= this.#now) return;
    const isIdle = this.#working === 0;
    const done = this.#waiters.filter(({ until }) => (until === "idle" ? isIdle : isResting && until <= this.now));
    this.#waiters = this.#waiters.filter((waiter) => !done.includes(waiter));
    for (const { resolve } of done) resolve();
  }
}

const isBefore = (a: Due, b: Due): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** A binary heap. */
function push(heap: Due[], due: Due): void {
  let i = heap.push(due) - 1;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (!isBefore(due, heap[parent]!)) break;
    heap[i] = heap[parent]!;
    i = parent;
  }
  heap[i] = due;
}

function pop(heap: Due[]): Due {
  const first = heap[0]!;
  const last = heap.pop()!;
  if (heap.length === 0) return first;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
    if (!isBefore(heap[child]!, last)) break;
    heap[i] = heap[child]!;
    i = child;
  }
  heap[i] = last;
  return first;
}
