/**
 * One time limit and one signal for a call that takes several steps: what a recipe is made of.
 *
 * Owns no request. Ends only the waiting for things; what is under way goes on.
 */
import type { CorralError } from "../error.ts";
import type { Budget } from "./call.ts";
import type { CallOptions, Requester } from "./requester.ts";

/** What is left of a call. Made by {@link Client.deadline}. */
export interface Deadline {
  /** For each of the client's calls that is a step of this one: the same signal, and the time that is left. */
  rest(): CallOptions;
  /** Is there no time left, or is the signal aborted? Then it throws `TIMEOUT` or `ABORTED`. */
  check(): void;
  /**
   * What the promise comes to, unless the time is over or the signal aborts first: then it rejects with `TIMEOUT` or `ABORTED`,
   * outcome `no`. What the promise stands for goes on.
   */
  race<T>(promise: Promise<T>): Promise<T>;
  /** Resolves after so many milliseconds by the client's clock. Rejects as `race` does. */
  pause(ms: number): Promise<void>;
}

export function deadlineOf(requester: Requester, budget: Budget): Deadline {
  const race = <T>(promise: Promise<T>): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      const stop = requester.after(budget, (error) => {
        stop();
        reject(error);
      });
      promise.then(
        (value) => {
          stop();
          resolve(value);
        },
        (error: CorralError) => {
          stop();
          reject(error);
        },
      );
    });
  return {
    rest: () => requester.rest(budget),
    check() {
      const fault = requester.fault(budget);
      if (fault !== undefined) throw fault;
    },
    race(promise) {
      const fault = requester.fault(budget);
      if (fault === undefined) return race(promise);
      // Nobody else may be looking at it.
      promise.catch(() => {});
      return Promise.reject(fault);
    },
    pause(ms) {
      const fault = requester.fault(budget);
      return fault === undefined ? requester.pause(budget, ms) : Promise.reject(fault);
    },
  };
}
