/** A piece of work done while something is held. */
import { CorralError } from "@corral/client";
import type { Held } from "./held.ts";

/**
 * What the function comes to, and then the release. If the hold was lost underway it rejects with why, after the function has ended;
 * what that came to is dropped, and an error of it is the cause.
 */
export async function withHeld<H extends Held & { readonly lost: CorralError | undefined }, R>(
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
  try {
    await held[Symbol.asyncDispose]();
  } catch (error) {
    // What the function came to matters more than that the server refuses the release.
    if (!("error" in outcome)) outcome = { error };
  }
  // One that the function has released itself was not lost.
  if (lost !== undefined && lost.code !== "CLOSED")
    throw "error" in outcome && outcome.error !== lost ? lostDuring(lost, outcome.error) : lost;
  if ("error" in outcome) throw outcome.error;
  return outcome.value;
}

/** Why it was lost, with what the work came to for want of it. */
export function lostDuring(lost: CorralError, cause: unknown): CorralError {
  const { code, op, path, outcome, retryable } = lost;
  const means = "it was lost while the work that it was for went on, which failed";
  return new CorralError(code, { op, detail: { path }, outcome, retryable, cause, means });
}
