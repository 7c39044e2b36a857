/** Between tries of what others were quicker at: random, longer each time, so that one of many gets through. */
import type { Client, Deadline } from "@corral/client";
import { backoffMs } from "./backoff.ts";

/** The first pause is random between 0 and this, milliseconds; doubled each time … */
const PAUSE_FIRST_MS = 4;
/** … up to this. */
const PAUSE_MAX_MS = 1_000;

/** After the `tries`-th try, from 1. Rejects when the time of the call is over or its signal aborts. */
export function pause(client: Client, deadline: Deadline, tries: number): Promise<void> {
  return deadline.pause(backoffMs(client, tries, PAUSE_FIRST_MS, PAUSE_MAX_MS));
}
