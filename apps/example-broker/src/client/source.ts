/** The brokers as a source for consumer groups. Owns the way from batches to messages. */
import { type Message, OffsetOutOfRange, type Source, type Topic } from "@corral/consumer-group";
import { batchesIn, recordsOf } from "../log/batch.ts";
import { BrokerError } from "../wire/errors.ts";
import { FETCH_BYTES_MAX, type Metadata } from "../wire/messages.ts";
import type { BrokerClient } from "./broker-client.ts";

/** A fetch at the end of a partition waits so long for more, milliseconds. */
const FETCH_WAIT_MS = 1_000;

export function brokerSource(client: BrokerClient): Source<Buffer> {
  return {
    async *topics(signal) {
      let before = "";
      for await (const metadata of client.changes(signal)) {
        const topics = topicsOf(metadata);
        const now = JSON.stringify(topics);
        if (now !== before) yield topics;
        before = now;
      }
    },

    async *fetch(at, from, signal) {
      let offset = from;
      while (!signal.aborted) {
        const request = { ...at, offset, maxBytes: FETCH_BYTES_MAX, maxWaitMs: FETCH_WAIT_MS };
        let reply;
        try {
          reply = await client.atLeader("fetch", request, FETCH_WAIT_MS, signal);
        } catch (error) {
          if (error instanceof BrokerError && error.code === "OFFSET_OUT_OF_RANGE") {
            throw new OffsetOutOfRange({ topic: at.topic, partition: at.partition }, offset);
          }
          if (signal.aborted) return;
          throw error;
        }
        const messages = messagesIn(reply.batches, offset);
        const last = messages.at(-1);
        if (last === undefined) continue;
        offset = last.offset + 1;
        yield messages;
      }
    },

    bounds: ({ topic, partition }, signal) => client.atLeader("bounds", { topic, partition }, 0, signal),
  };
}

/** Those from `offset` on. */
export function messagesIn(batches: Uint8Array, offset: number): Message<Buffer>[] {
  const bytes = Buffer.from(batches.buffer, batches.byteOffset, batches.byteLength);
  return batchesIn(bytes).flatMap((batch) =>
    recordsOf(bytes, batch)
      .map((value, n) => ({ offset: batch.baseOffset + n, value, leaderEpoch: batch.leaderEpoch }))
      .filter((message) => message.offset >= offset),
  );
}

function topicsOf({ topics }: Metadata): Topic[] {
  return topics.map(({ name, partitions }) => ({ name, partitions: partitions.length }));
}
