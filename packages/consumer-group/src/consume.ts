/** Consuming: joins a group, or claims partitions that are named, and hands their messages to a function. */
import { type Client, type CorralError, isCorralError } from "@corral/client";
import { expireOffsets, offsetRetention, retentionOf } from "./admin/retention.ts";
import { Alone } from "./claims/alone.ts";
import type { ConsumeOptions, Consumer } from "./consumer.ts";
import { handlingSettings, type HandlingSettings } from "./delivery/settings.ts";
import { GroupConsumer } from "./group-consumer.ts";
import { pathsOf } from "./layout.ts";
import { joinGroup, type JoinOptions } from "./membership.ts";
import { settingsOf } from "./membership/options.ts";

const NOT_OURS = [
  "GUARD_FAILED",
  "NODE_EXISTS",
  "NO_NODE",
  "BAD_VERSION",
  "SESSION_EXPIRED",
  "OUTCOME_UNKNOWN",
] as const;
/** For the writes by which partitions are given back when their time is over, milliseconds. */
const GIVING_BACK_MS = 5_000;
/** Random bytes in the name of a consumer that is alone. */
const NAME_BYTES = 8;

/**
 * Resolves when it is a member; with `assign`, when the partitions are claimed. `signal` and `timeoutMs` are for that, not for what follows.
 *
 * TypeError and RangeError for options that cannot be. Rejects with `LIMIT_EXCEEDED` when the group is full, with `NODE_EXISTS` when another
 * process is this `instance`, or has claimed one of the partitions of `assign`; `TIMEOUT`, `ABORTED`, `NO_AUTH`.
 */
export async function consume<M>(client: Client, options: ConsumeOptions<M>): Promise<Consumer> {
  const settings = handlingSettings(options);
  const { topics, assign } = options;
  if (topics === undefined) return consumeAlone(client, options, assign!, settings);
  const joining: JoinOptions = {
    ...options,
    topics,
    // Only who does not even give back what is overdue is to be fenced: handlers have their time, the listener has its own, and so have the writes.
    rebalanceTimeoutMs:
      settings.rebalanceTimeoutMs * (options.rebalance?.revoked === undefined ? 1 : 2) + GIVING_BACK_MS,
    duties: [offsetRetention({ retentionMs: options.offsetRetentionMs })],
  };
  // Refuses what cannot be, before anything is asked.
  settingsOf(joining);
  await forgetExpired(client, options);
  const membership = await joinGroup(client, joining);
  const consumer = new GroupConsumer(membership, pathsOf(options.group, options.root), options, settings);
  consumer.begin();
  return consumer;
}

/** Of a group that has been empty for too long, before anybody begins where it was. */
async function forgetExpired<M>(client: Client, options: ConsumeOptions<M>): Promise<void> {
  const paths = pathsOf(options.group, options.root);
  const deadline = client.deadline("consume", options);
  try {
    await expireOffsets(client, paths, retentionOf(options.offsetRetentionMs), deadline);
  } catch (error) {
    // Somebody else is doing it, or has joined, or the session has ended, and another will begin.
    if (!isCorralError(error, ...NOT_OURS)) throw error;
  }
}

async function consumeAlone<M>(
  client: Client,
  options: ConsumeOptions<M>,
  partitions: NonNullable<ConsumeOptions<M>["assign"]>,
  settings: HandlingSettings,
): Promise<Consumer> {
  const { group } = options;
  const deadline = client.deadline("consume", options);
  await deadline.race(client.ready(deadline.rest()));
  const paths = pathsOf(group, options.root);
  const member = `alone-${Array.from(client.random(NAME_BYTES), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  const consumer = new GroupConsumer(new Alone(client, { group, member, paths, partitions }), paths, options, settings);
  consumer.begin();
  const ended = new Promise<never>((_, reject) => {
    consumer.signal.addEventListener("abort", () => reject(consumer.signal.reason as CorralError), { once: true });
  });
  // Looked at only below.
  ended.catch(() => {});
  const states = consumer.states();
  const claimed = (async () => {
    for await (const { state } of states) if (state === "stable") return;
  })();
  try {
    await deadline.race(Promise.race([claimed, ended]));
    return consumer;
  } catch (error) {
    await consumer.close({ timeoutMs: 0 });
    throw isCorralError(error) ? error : consumer.signal.reason;
  } finally {
    await states.return();
  }
}
