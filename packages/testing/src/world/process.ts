/**
 * A process in the world: its clocks, its timers, and whether it runs at all. What happens to it waits while it stands still,
 * and never happens once it is dead.
 */
import type { Draw } from "./draw.ts";
import type { EventKind, Timeline } from "./timeline.ts";

/** When the world begins, by wall clocks: a day in 2024. */
const WALL_START_MS = 1_704_100_000_000;

/** Sums of fractions of a millisecond differ by less than this. */
const ROUNDING_MS = 0.001;
/** As in Node. Whoever waits for what is left of a time would never see it pass otherwise. */
const TIMER_MS_MIN = 1;

/** What a machine's clocks do to the processes on it. */
export interface MachineClock {
  /** Milliseconds that its clocks count in a millisecond of the world. Default 1. */
  readonly rate?: number | undefined;
  /** By so much its wall clock has been set, milliseconds. Default 0. */
  readonly wallOffsetMs?: number | undefined;
}

export class Process {
  readonly name: string;
  /** Of its clocks and timers; what comes by the network and from the disk does not go by it. */
  readonly rate: number;
  readonly #timeline: Timeline;
  /** Whether timers or what has arrived comes first after a stall: real loops do either. */
  readonly #draw: Draw;
  #isDead = false;
  #stalledUntil = 0;
  #backlog: { readonly kind: EventKind; readonly call: () => void }[] = [];
  #wallOffsetMs: number;
  /** For so long the monotonic clock has stood still, in all; and until when it does. */
  #slept = 0;
  #sleepsUntil = 0;

  constructor(name: string, timeline: Timeline, draw: Draw, { rate = 1, wallOffsetMs = 0 }: MachineClock = {}) {
    this.name = name;
    this.rate = rate;
    this.#wallOffsetMs = wallOffsetMs;
    this.#timeline = timeline;
    this.#draw = draw;
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  get isStalled(): boolean {
    return this.#timeline.now < this.#stalledUntil;
  }

  /** For so long its machine has slept, in all, milliseconds. */
  get sleptMs(): number {
    return this.#slept;
  }

  /** Has its machine ever slept? Then its two clocks disagree about how long something took. */
  get hasSlept(): boolean {
    return this.#slept > 0;
  }

  get wallOffsetMs(): number {
    return this.#wallOffsetMs;
  }

  readonly monotonicMs = (): number => (Math.max(this.#timeline.now, this.#sleepsUntil) - this.#slept) * this.rate;
  readonly wallMs = (): number => WALL_START_MS + this.#timeline.now * this.rate + this.#wallOffsetMs;

  /** Calls once in this process, after so long or later. The function returned calls it off. */
  after(ms: number, kind: EventKind, call: () => void): () => void {
    if (this.#isDead) return () => {};
    let isOff = false;
    const wait = kind === "timer" ? Math.max(TIMER_MS_MIN, ms) : ms;
    const dueAt = this.monotonicMs() + wait;
    const arm = (delay: number): (() => void) =>
      this.#timeline.at(this.#timeline.now + delay, kind, () => {
        // A monotonic clock that stood still meanwhile has not come to that time yet. Messages do not go by it.
        const left = kind === "timer" ? dueAt - this.monotonicMs() : 0;
        if (left > ROUNDING_MS) cancel = arm(left / this.rate);
        else
          this.#run(kind, () => {
            if (!isOff) call();
          });
      });
    let cancel = arm(kind === "timer" ? wait / this.rate : wait);
    return () => {
      isOff = true;
      cancel();
    };
  }

  /** Again and again; the next is due an interval after the one before has happened. */
  every(ms: number, call: () => void): () => void {
    let isOff = false;
    let cancel: () => void;
    const again = (): void => {
      cancel = this.after(ms, "timer", () => {
        call();
        if (!isOff) again();
      });
    };
    again();
    return () => {
      isOff = true;
      cancel();
    };
  }

  #run(kind: EventKind, call: () => void): void {
    if (this.#isDead) return;
    if (this.isStalled) this.#backlog.push({ kind, call });
    else call();
  }

  /** Stands still for so long: a long garbage collection, SIGSTOP, a loop that is busy. */
  stall(ms: number): void {
    this.#stalledUntil = Math.max(this.#stalledUntil, this.#timeline.now + ms);
    this.#timeline.at(this.#stalledUntil, "timer", () => this.#wake());
  }

  /** The machine sleeps: as a stall, but the monotonic clock does not count it. */
  sleep(ms: number): void {
    const { now } = this.#timeline;
    const from = Math.max(now, this.#sleepsUntil);
    this.#slept += Math.max(0, now + ms - from);
    this.#sleepsUntil = Math.max(from, now + ms);
    this.stall(ms);
  }

  #wake(): void {
    if (this.isStalled || this.#isDead) return;
    const waiting = this.#backlog;
    this.#backlog = [];
    const first: EventKind = this.#draw() < 0.5 ? "timer" : "work";
    const inOrder = [...waiting.filter(({ kind }) => kind === first), ...waiting.filter(({ kind }) => kind !== first)];
    for (const { kind, call } of inOrder) this.#timeline.at(this.#timeline.now, kind, () => this.#run(kind, call));
  }

  /** The wall clock is set, forward or back. */
  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  /** Its timers and what is on its way to it are gone. */
  die(): void {
    this.#isDead = true;
    this.#backlog = [];
  }
}
