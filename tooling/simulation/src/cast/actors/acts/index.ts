/** What actors do, and how often. */
import type { Step } from "../actor.ts";
import { large, quota, reserved, watchMany } from "./odd.ts";
import type { Act } from "./paths.ts";
import {
  addWatch,
  children,
  closeWatch,
  follow,
  get,
  list,
  multiRead,
  others,
  removeWatches,
  stat,
  unfollow,
} from "./reads.ts";
import { readRegister, writeRegisters } from "./registers.ts";
import { create, createSequential, multi, multiEach, remove, removeChild, removeTree, set, setAcl } from "./writes.ts";

/** Each with its weight. */
const ACTS: readonly (readonly [number, Act])[] = [
  [14, create],
  [8, createSequential],
  [14, set],
  [8, remove],
  [6, removeChild],
  [1, removeTree],
  [2, setAcl],
  [6, multi],
  [3, multiEach],
  [14, get],
  [8, stat],
  [6, children],
  [2, list],
  [3, multiRead],
  [4, others],
  [2, addWatch],
  [1, closeWatch],
  [1, removeWatches],
  [2, follow],
  [1, unfollow],
  [5, readRegister],
  [8, writeRegisters],
  [0.5, reserved],
  [0.7, quota],
  [0.3, large],
  [0.05, watchMany],
];
const TOTAL = ACTS.reduce((sum, [weight]) => sum + weight, 0);

export function doSomething(step: Step): void {
  let at = step.draw() * TOTAL;
  const [, act] = ACTS.find(([weight]) => (at -= weight) < 0)!;
  act(step).catch((error: unknown) => {
    step.actor.violation(`${act.name} threw ${String((error as Error)?.stack ?? error)}`);
  });
}
