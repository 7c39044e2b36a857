import { type Client, json } from "@corral/client";
import { sharedValue } from "@corral/recipes";

export async function example(client: Client): Promise<void> {
  const codec = json<{ perSecond: number }>();
  await using limits = await sharedValue(client, "/config/limits", { codec, initial: { perSecond: 100 } });

  // Only if nobody else changed it meanwhile.
  await limits.set({ perSecond: 50 }, { ifMatch: limits.zxid });
  await limits.update((now) => ({ perSecond: now.perSecond * 2 }));

  for await (const change of limits.changes()) {
    // `deleted` and `undecodable` are told too.
    if (change.kind === "value") throttle(change.value.perSecond);
    if (limits.isFresh) break;
  }
}

let perSecond = 0;
function throttle(atMost: number): void {
  perSecond = Math.max(atMost, perSecond);
}
