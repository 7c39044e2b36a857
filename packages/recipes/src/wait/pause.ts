/** Between tries of what others were quicker at: random, longer each time, so that one of many gets through. */
import type { Client, Deadline } from "@corral/client";

/** The first pause is random between 0 and this, milliseconds; doubled each time … */
const PAUSE_FIRST_MS = 4;
/** … up to this. */
const PAUSE_MAX_MS = 1_000;

/** After the `tries`-th try, from 1. Rejects when the time of the call is over or its signal aborts. */
export function pause(client: Client, deadline: Deadline, tries: number): Promise<void> {
  const [a, b] = client.random(2) as unknown as [number, number];
  const upTo = Math.min(PAUSE_FIRST_MS * 2 ** (tries - 1), PAUSE_MAX_MS);
  return deadline.pause((upTo * (a * 256 + b)) / 65_536);
}
