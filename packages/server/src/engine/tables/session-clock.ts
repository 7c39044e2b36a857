/**
 * When each session was last heard, on a clock of its own that stands still while this process or its log does: our
 * stall is not the client's silence.
 */
import { DueIndex } from "@corral/state-machine";

export class SessionClock {
  #now = 0;
  #wallAt: number;
  readonly #heard = new Map<number, number>();
  readonly #stepMs: number;
  /** The least time at which a session may be due; looked at again when it is reached. */
  readonly #due = new DueIndex();

  /** `stepMs`: one advance counts no more, however long it really was. */
  constructor(monotonicMs: number, stepMs: number) {
    this.#wallAt = monotonicMs;
    this.#stepMs = stepMs;
  }

  /** Time goes on by one step at most; not at all if the log stands. */
  advance(monotonicMs: number, isLogStalled: boolean): void {
    const passed = Math.max(0, monotonicMs - this.#wallAt);
    this.#wallAt = monotonicMs;
    if (!isLogStalled) this.#now += Math.min(passed, this.#stepMs);
  }

  /** A session begins, or begins anew with this timeout. */
  start(session: number, timeoutMs: number, monotonicMs: number): void {
    const at = this.#at(monotonicMs);
    this.#heard.set(session, at);
    this.#due.set(session, at + timeoutMs);
  }

  heard(session: number, monotonicMs: number): void {
    if (this.#heard.has(session)) this.#heard.set(session, this.#at(monotonicMs));
  }

  /** Also between two advances no session is given less than its timeout; nor more by what the next advance will not count. */
  #at(monotonicMs: number): number {
    return this.#now + Math.min(Math.max(0, monotonicMs - this.#wallAt), this.#stepMs);
  }

  forget(session: number): void {
    this.#heard.delete(session);
    this.#due.set(session, undefined);
  }

  /** Sessions that have been silent for their timeout; at most `max`. */
  silent(timeoutOf: (session: number) => number | undefined, max: number): number[] {
    const found: number[] = [];
    for (const session of this.#due.due(this.#now, max)) {
      const timeoutMs = timeoutOf(session);
      if (timeoutMs === undefined) {
        this.forget(session);
        continue;
      }
      const due = this.#heard.get(session)! + timeoutMs;
      if (due <= this.#now) found.push(session);
      else this.#due.set(session, due);
    }
    return found;
  }
}
