/** Subscriptions against a fake server: what it sends, and what a reader was told. */
import { Op, SubscriptionKind, type Request, type Value } from "@corral/protocol";
import type { SubscriptionEvent } from "../src/subscription/event.ts";
import { statFields, type FakeServer } from "./fake-server.ts";
import { agreeable, connectHarness } from "./harness.ts";

export const { page, changes, changesPart, synced, resync } = SubscriptionKind;
export const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);
export const entry = (path: string, value = "v", at = 5): Value => [path, bytes(value), statFields(at)];
export const change = (type: number, path: string, value = "v", at = 6): Value =>
  type === 2 ? [type, path, null, null] : [type, path, bytes(value), statFields(at)];

export function describeEvent(event: SubscriptionEvent<unknown>): string {
  return "path" in event ? `${event.kind} ${event.path}` : event.kind;
}
/** What has been told so far, gathered while the test does other things. */
export function gather(subscription: AsyncIterable<SubscriptionEvent<unknown>>): string[] {
  const seen: string[] = [];
  void (async () => {
    try {
      for await (const event of subscription) seen.push(describeEvent(event));
      seen.push("end");
    } catch (error) {
      seen.push((error as { code: string }).code);
    }
  })();
  return seen;
}
export const subscribes = (requests: readonly Request[]): Extract<Request, { op: typeof Op.subscribe }>[] =>
  requests.filter((request) => request.op === Op.subscribe) as never;
export const lastId = (server: FakeServer): number => subscribes(server.last.requests).at(-1)!.id;
export const credits = (server: FakeServer): number[] =>
  server.last.signals.filter(({ op }) => op === Op.credit).map((signal) => (signal as { credits: number }).credits);

export async function subscribed(
  options: Parameters<Awaited<ReturnType<typeof connectHarness>>["client"]["subscribe"]>[1] = {},
) {
  const harness = await connectHarness();
  harness.server.answer = agreeable;
  const subscription = await harness.client.subscribe("/t", options);
  return { ...harness, subscription, id: lastId(harness.server) };
}
