/** A piece of work done while something is held. */
import { CorralError } from "@corral/client";
import type { Holding } from "./holding.ts";

/**
 * What the function comes to, and then the release. If the hold was lost underway it rejects with why, after the function has ended;
 * what that came to is dropped, and an error of it is the cause.
 */
export async function withHeld<H extends Holding, R>(
  acquiring: Promise<H>,
  use: (held: H) => R | Promise<R>,
): Promise<Awaited<R>> {
  const held = await acquiring;
  let outcome: { readonly value: Awaited<R> } | { readonly error: unknown };
  try {
    outcome = { value: await use(held) };
  } catch (error) {
    outcome = { error };
  }
  const { lost } = held;
  await held[Symbol.asyncDispose]();
  if (lost !== undefined) throw "error" in outcome && outcome.error !== lost ? lostDuring(lost, outcome.error) : lost;
  if ("error" in outcome) throw outcome.error;
  return outcome.value;
}

function lostDuring(lost: CorralError, cause: unknown): CorralError {
  const { code, op, path, outcome, retryable, message } = lost;
  return new CorralError(code, { op, detail: { path }, outcome, retryable, cause, means: message });
}
