/**
 * Groups in a world that breaks while more is asked of them than to consume: seeks, pauses, commits by hand, handlers that throw and hang, topics
 * that grow and go, replies that are lost at certain requests, histories that are forgotten, leaders that stand still.
 */
import { type Client, isCorralError } from "@corral/client";
import { between, type Draw, drawFrom, oneOf } from "@corral/testing/world";
import { expect, test } from "vitest";
import { checkHistory, type ConsumeOptions } from "../src/index.ts";
import { crowd, PARTITIONS, type Present, sentOf } from "./chaotic.ts";
import { type World, world } from "./consuming.ts";

const TROUBLES = [
  "forget history",
  "lost reply",
  "lost request",
  "slow replies",
  "leader stalls",
  "seek",
  "pause",
  "commit",
  "topic grows",
  "other topic",
  "close",
] as const;
/** What consumers ask for. */
const OPS = ["multi", "multiEach", "multiRead", "create", "delete", "set", "subscribe", "children"];

/** Refusals are as good as anything: what must hold is looked at in the end. */
const tried = (promise: Promise<unknown>): void =>
  void promise.catch((error: unknown) => {
    if (!isCorralError(error)) throw error;
  });

/** Unless it is down. */
function forget(server: World["server"]): void {
  try {
    server.faults.forgetHistory();
  } catch (error) {
    if (!(error instanceof Error && error.message === "the server is not running")) throw error;
  }
}

function strike({ server, source }: World, draw: Draw, present: readonly Present[]): void {
  const ms = oneOf(draw, [between(draw, 1, 100), between(draw, 100, 3_000)]);
  const match = { op: oneOf(draw, OPS), nth: between(draw, 1, 3) };
  const what = oneOf(draw, TROUBLES);
  if (what === "forget history") forget(server);
  if (what === "lost reply") server.faults.dropReply(match);
  if (what === "lost request") server.faults.dropRequest(match);
  if (what === "topic grows") source.create("t", between(draw, PARTITIONS, PARTITIONS + 3));
  if (what === "other topic" && draw() < 0.5) source.create("u", 3);
  else if (what === "other topic") source.delete("u");
  if (present.length === 0) return;
  const { consumer, client } = oneOf(draw, present);
  const later = (act: () => void): void => void client.clock.setTimeout(act, ms);
  if (what === "slow replies") {
    const slow = server.faults.delayReply({}, ms / 10);
    later(() => slow.end());
  }
  const leading = present.find((one) => one.consumer.status.isLeader);
  if (what === "leader stalls" && leading !== undefined) server.faults.stallClient(leading.client, ms);
  if (what === "commit") tried(consumer.commit({ timeoutMs: ms }));
  if (what === "close") tried(consumer.close({ temporarily: draw() < 0.5, timeoutMs: ms }));
  const claimed = consumer.status.partitions.filter(({ state }) => state === "claimed");
  if (claimed.length === 0) return;
  const { partition } = oneOf(draw, claimed);
  // Back only: of what is left out on purpose nobody could tell whether it was lost.
  if (what === "seek") tried(consumer.seek(partition, 0));
  if (what === "pause") {
    consumer.pause([partition]);
    later(() => tried((async () => consumer.resume([partition]))()));
  }
}

type Handle = ConsumeOptions<string>["handle"];

/** Throws, hangs or lingers, as it is drawn. Tells when it is not the one chain of its partition in its process. */
function moody(client: Client, draw: Draw, concurrency: number, handled: (value: string) => void): Handle {
  const running = new Map<string, number[]>();
  return async ({ value }, context) => {
    const { token, isValid } = context;
    const { topic, partition } = context.partition;
    const tokens = running.get(`${topic}/${partition}`) ?? [];
    running.set(`${topic}/${partition}`, tokens);
    expect(isValid).toBe(true);
    expect(tokens.length).toBeLessThan(concurrency);
    expect(tokens.filter((one) => one !== token)).toEqual([]);
    tokens.push(token);
    try {
      const ms = oneOf(draw, [0, 0, 0, between(draw, 1, 200), between(draw, 1, draw() < 0.05 ? 20_000 : 50)]);
      await new Promise<void>((resolve) => client.clock.setTimeout(resolve, ms));
      if (draw() < 0.05) throw new Error("a mood");
      handled(value);
      // Its own offset, at once: in between what is committed now and then.
      const how = between(draw, 0, 20);
      if (how === 0) await context.commit();
      if (how === 1) await context.commitWith([]);
    } finally {
      tokens.splice(tokens.indexOf(token), 1);
    }
  };
}

test.each(Array.from({ length: 8 }, (_, at) => 301 + at))(
  "chaos of seed %i: whatever is asked of consumers, nothing is lost, one chain handles a partition in a process, and nothing stays behind",
  async (seed) => {
    await using it = await world(
      { t: PARTITIONS },
      { seed, latencyMs: seed % 5, log: seed % 3 === 0 ? "file" : "memory" },
    );
    const draw = drawFrom(seed, "wild");
    const handled = new Set<string>();
    const wrong: unknown[] = [];
    const concurrency = 1 + (seed % 3);
    const instances = new Map<Client, string>();
    const isDone = (): boolean =>
      [...sentOf(it)].every(([key, offsets]) => offsets.every((offset) => handled.has(`${key}@${offset}`)));
    await crowd({
      world: it,
      seed,
      members: 3 + (seed % 4),
      steps: 40,
      options: (client) => {
        const instance = instances.get(client) ?? `i${instances.size}`;
        instances.set(client, instance);
        return {
          topics: /^[tu]$/u,
          // Every other one is static.
          ...(/[02468]$/.test(instance) ? { instance, onInstanceInUse: "take-over", instanceGraceMs: 20_000 } : {}),
          concurrency,
          mode: seed % 4 === 0 ? "manual" : "at-least-once",
          rebalanceTimeoutMs: 4_000,
          handle: moody(client, draw, concurrency, (value) => handled.add(value)),
          onError: (error) => {
            if (error instanceof Error && error.name === "AssertionError") wrong.push(error);
            return "retry";
          },
        };
      },
      beside: (present) => strike(it, draw, present),
      isDone,
    });
    expect(wrong).toEqual([]);
    expect(checkHistory(it.trace, sentOf(it))).toEqual([]);
    await it.pass(60_000);
    expect(it.owners()).toEqual({});
    expect(it.server.leaks()).toMatchObject({ ephemerals: 0, watches: 0, subscriptions: 0, waiting: 0 });
  },
);
