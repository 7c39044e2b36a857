/** The first thing that went wrong in a job: every part of the job may raise it, and one place waits for it. */
export class Trouble {
  readonly #promise: Promise<never>;
  #reject!: (why: Error) => void;

  constructor() {
    this.#promise = new Promise((_resolve, reject) => {
      this.#reject = reject;
    });
    // Raised when nobody waits: whoever waits next is told.
    this.#promise.catch(() => {});
  }

  raise(why: Error): void {
    this.#reject(why);
  }

  /** The work's result, unless trouble comes first. */
  orDone<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#promise]);
  }
}
