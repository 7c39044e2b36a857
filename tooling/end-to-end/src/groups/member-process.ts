/** One member of a group in a process of its own. Its source needs no broker: every member can compute the messages. */
import { setTimeout as delay } from "node:timers/promises";
import { connect, op } from "@corral/client";
import { consume, type HandlerContext, type Source } from "@corral/consumer-group";
import type { FromMember, MemberOrder, ToMember, Verdict } from "./words.ts";

const order = JSON.parse(process.argv[2]!) as MemberOrder;
const TOPIC = "events";
const BATCH = 20;
const waiting = new Map<number, (verdict: Verdict) => void>();
let serial = 0;

function tell(message: FromMember): void {
  process.send!(message);
}

const failed = (error: unknown): void => tell({ told: "error", why: String(error) });
const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

const source: Source<number> = {
  async *topics(signal) {
    yield [{ name: TOPIC, partitions: order.partitions }];
    await aborted(signal);
  },
  async *fetch(_partition, from, signal) {
    for (let at = from; at < order.messages && !signal.aborted; at += BATCH) {
      yield Array.from({ length: Math.min(BATCH, order.messages - at) }, (_, i) => ({ offset: at + i, value: at + i }));
    }
    await aborted(signal);
  },
  bounds: () => Promise.resolve({ earliest: 0, latest: order.messages }),
};

/** Resolves with what the sink made of it. */
function toSink(partition: number, offset: number, token: number): Promise<Verdict> {
  const mine = ++serial;
  tell({ told: "effect", serial: mine, partition, offset, token });
  return new Promise((resolve) => waiting.set(mine, resolve));
}

async function handle({ offset }: { readonly offset: number }, context: HandlerContext): Promise<void> {
  await delay(order.handleMs);
  const { partition } = context.partition;
  if (order.effect === "sink") await toSink(partition, offset, context.token);
  else await context.commitWith([op.create(`/effects/${partition}-${offset}`)]);
}

async function run(): Promise<void> {
  const client = await connect({ servers: [order.url], session: { timeoutMs: order.sessionTimeoutMs } });
  const consumer = await consume(client, {
    group: order.group,
    topics: [TOPIC],
    source,
    handle,
    mode: order.effect === "tree" ? "manual" : "at-least-once",
    commitIntervalMs: 200,
    rebalanceTimeoutMs: 2_000,
    debounceMs: 100,
    reset: "earliest",
    timeoutMs: 30_000,
    ...(order.instance === undefined ? {} : { instance: order.instance, onInstanceInUse: "take-over" as const }),
    onError: () => "retry",
  });
  process.on("message", (message: ToMember) => {
    if ("answer" in message) {
      waiting.get(message.answer)?.(message.verdict);
      waiting.delete(message.answer);
    } else if (message.ask === "sizes") {
      const { partitions, state } = consumer.status;
      const claimed = partitions.filter((one) => one.state === "claimed").length;
      tell({ told: "sizes", serial: message.serial, claimed, state });
    } else {
      consumer
        .close({ temporarily: message.temporarily })
        .then(() => client.close())
        .then(() => process.send!({ told: "closed" } satisfies FromMember, () => process.exit(0)), failed);
    }
  });
  tell({ told: "started", member: consumer.member });
}

process.on("disconnect", () => process.exit(0));
run().catch((error: unknown) => {
  failed(error);
  process.exitCode = 1;
});
