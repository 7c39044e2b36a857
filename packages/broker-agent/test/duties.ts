/** Duties of tests: each does one thing, so that what the loop does with them can be seen. */
import type { Duty, MakeDuty, Step, Term } from "../src/controller/duty.ts";
import { op, text } from "@corral/client";

/** One that wants nothing, but for what is given. */
export function duty(make: (term: Term) => Partial<Duty>): MakeDuty {
  return (term) => {
    const own = make(term);
    return {
      name: own.name ?? "test",
      get againInMs() {
        return own.againInMs;
      },
      begin: () => own.begin?.(),
      notice: (delta) => own.notice?.(delta),
      next: () => own.next?.(),
      refused: (changes, together) => own.refused?.(changes, together),
    };
  };
}

/** These steps, one after the other, in each term. */
export function steps(...made: readonly ((term: Term) => Step)[]): MakeDuty {
  return duty((term) => {
    const rest = [...made];
    return { next: () => rest.shift()?.(term) };
  });
}

/** Writes a text to a znode that is there. */
export function marking(path: string, value: string): Step {
  return { what: `mark ${value}`, together: [op.set(path, value, { codec: text })] };
}
