/** So many more, for those who hand a message on to readers of their own, as a cache does. */
const HANDED_ON_TURNS = 2;

/**
 * Events first, also for those who loop over them: a `for await` takes one message a turn of the microtask queue, so promises
 * whose replies came after several messages are resolved only when as many turns have passed.
 */
export class Turns {
  #left = 0;
  /** In order; at most as many as there are calls in flight. */
  #waiting: (() => void)[] = [];

  /** A message has been handed to those who wait for it. */
  give(): void {
    if (this.#left === 0) {
      this.#left = HANDED_ON_TURNS;
      queueMicrotask(this.#pass);
    }
    this.#left++;
  }

  /** May promises be settled at once? */
  get isOver(): boolean {
    return this.#left === 0;
  }

  /** Until it is over. */
  wait(settle: () => void): void {
    this.#waiting.push(settle);
  }

  readonly #pass = (): void => {
    if (--this.#left > 0) {
      queueMicrotask(this.#pass);
      return;
    }
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const settle of waiting) settle();
  };
}
