/**
 * Reading a subscription unit by unit: what is known between two events of one transaction never was.
 */
import type { Subscription, SubscriptionEvent } from "@corral/client";

/** Calls `take` with each event, and `ended` after the last one of each unit, before the next is waited for. Until the subscription ends. */
export async function readUnits<T>(
  subscription: Subscription<T>,
  take: (event: SubscriptionEvent<T>) => void,
  ended: () => void,
): Promise<void> {
  for (let step = await subscription.next(); step.done !== true;) {
    const event = step.value;
    take(event);
    const { cursor } = subscription;
    const next = subscription.next();
    // To ask for the next event moves the cursor when this one was the last of its unit; there is none while all of it is sent anew.
    if (event.kind === "synced" || (subscription.cursor !== undefined && subscription.cursor !== cursor)) ended();
    step = await next;
  }
}
