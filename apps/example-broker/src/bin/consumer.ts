/**
 * A member of the group whose effects happen in the sink, once each: the sink keeps the offsets, and knows claims by their tokens.
 */
import { setTimeout } from "node:timers/promises";
import { open } from "@corral/client";
import { consume, type TraceEvent } from "@corral/consumer-group";
import { BrokerClient } from "../client/broker-client.ts";
import { brokerSource } from "../client/source.ts";
import { LinesWriter } from "../lines.ts";
import type { SinkRequests } from "../sink/service.ts";
import { Peers } from "../wire/peers.ts";
import { Arguments } from "./arguments.ts";
import { aborted, endSignal, fail, tell } from "./life.ts";

const STATUS_MS = 200;

const given = new Arguments(["corral", "brokers", "group", "topic", "sink", "session-ms", "trace", "name", "work-ms"]);
const workMs = given.whole("work-ms", 0);
const end = endSignal();

async function run(): Promise<void> {
  const client = open({
    servers: [given.text("corral")],
    session: { timeoutMs: given.whole("session-ms", 4_000) },
  });
  const brokers = new BrokerClient(given.addresses("brokers"));
  const sinks = new Peers<SinkRequests>();
  const at = given.address("sink");
  const trace = new LinesWriter(given.text("trace"));

  const consumer = await consume(client, {
    group: given.text("group"),
    clientId: given.text("name"),
    topics: [given.text("topic")],
    source: brokerSource(brokers),
    mode: "external",
    start: async ({ partition: { partition }, token }) => {
      const { nextOffset } = await (await sinks.to(at)).request("claim", { partition, token });
      return nextOffset;
    },
    handle: async ({ offset, value }, { partition: { partition }, token }) => {
      // Long work, and no look at the claim after it, as handlers are: whoever was stopped meanwhile is refused by the sink.
      await setTimeout(workMs);
      await (await sinks.to(at)).request("apply", { partition, token, offset, id: value.toString() });
    },
    onError: (error, where) => {
      tell("says", { what: `${where.partition.partition}@${where.offset ?? "?"}: ${String(error)}` });
      return "retry";
    },
    trace: (event: TraceEvent) => {
      trace.append(event);
    },
  });
  tell("ready", { member: consumer.member });
  const status = setInterval(() => {
    const { state, memberEpoch, isLeader, partitions, handled } = consumer.status;
    const held = partitions.filter(({ state: now }) => now !== "waiting").map(({ partition }) => partition.partition);
    tell("status", { state, memberEpoch, isLeader, held, handled });
  }, STATUS_MS);
  consumer.signal.addEventListener("abort", () => {
    if (!end.aborted) fail(consumer.signal.reason);
  });

  await aborted(end);
  clearInterval(status);
  await consumer.close();
  brokers.close();
  sinks.close();
  await client.close();
  trace.close();
  process.exit(0);
}

run().catch(fail);
