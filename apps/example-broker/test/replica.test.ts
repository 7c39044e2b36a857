/** A replica as leader and as follower: what is refused, what is cut off, what is acknowledged, what is recognised. */
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { Replica } from "../src/broker/replica.ts";
import { messagesIn } from "../src/client/source.ts";
import { PartitionLog } from "../src/log/partition-log.ts";
import { Fields, requestReaders } from "../src/wire/fields.ts";
import { Listener } from "../src/wire/listener.ts";
import type { BrokerRequests } from "../src/wire/messages.ts";
import { Peers } from "../src/wire/peers.ts";
import { temporaryFolder } from "./folder.ts";
import { following, HandLeading } from "./parts.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** A replica with a log of its own; `serve` answers followers as a broker would. */
function replica(name = "log", folder = temporaryFolder()) {
  const log = new PartitionLog(join(folder, name), "by-system");
  const failures: unknown[] = [];
  const made = new Replica({ topic: "t", topicId: "id", partition: 0 }, log, (error) => failures.push(error));
  closing.push(async () => {
    made.rest();
    await log.close();
    expect(failures).toEqual([]);
  });
  return Object.assign(made, { failures });
}

async function serve(leader: Replica): Promise<Listener> {
  const listener = await Listener.open(
    { host: "127.0.0.1", port: 0 },
    async (operation, body, gone) => {
      const fields = new Fields(body);
      if (operation === "epochEnd") return leader.epochEnd(requestReaders.epochEnd(fields));
      return leader.replicate(requestReaders.replicate(fields), gone);
    },
    (error) => {
      throw error;
    },
  );
  closing.push(() => listener.close());
  return listener;
}

function world(): { broker: number; peers: Peers<BrokerRequests>; brokerEpoch: () => number } {
  const peers = new Peers<BrokerRequests>();
  closing.push(() => {
    peers.close();
  });
  return { broker: 2, peers, brokerEpoch: () => 77 };
}

const produce = (sequence: number, ...texts: string[]) => ({
  topic: "t",
  partition: 0,
  producerId: 5,
  sequence,
  acks: "all" as const,
  records: texts.map((text) => Buffer.from(text)),
  timeoutMs: 5_000,
});
const fetch = (leaderEpoch: number, offset: number) => ({
  topicId: "id",
  partition: 0,
  leaderEpoch,
  replica: 2,
  brokerEpoch: 77,
  offset,
  maxBytes: 1_000,
  maxWaitMs: 0,
});
const consume = (offset: number, maxWaitMs = 0) => ({ topic: "t", partition: 0, offset, maxBytes: 1_000, maxWaitMs });
const never = new AbortController().signal;
const texts = (log: PartitionLog): string[] =>
  messagesIn(log.read(0, log.endOffset, 1_000_000), 0).map(({ value }) => value.toString());

test("a follower with an older epoch is fenced, one with a newer epoch is told that this leader has not heard of it", async () => {
  const leader = replica();
  leader.lead(new HandLeading(5));
  await expect(leader.replicate(fetch(4, 0), never)).rejects.toMatchObject({ code: "FENCED_LEADER_EPOCH" });
  await expect(leader.replicate(fetch(6, 0), never)).rejects.toMatchObject({ code: "UNKNOWN_LEADER_EPOCH" });
  await expect(leader.replicate(fetch(5, 1), never)).rejects.toMatchObject({ code: "OFFSET_OUT_OF_RANGE" });
  await expect(leader.replicate({ ...fetch(5, 0), replica: 9 }, never)).rejects.toThrow("broker 9 is no replica");
  expect(() => leader.epochEnd({ topicId: "id", partition: 0, leaderEpoch: 4, epoch: 1 })).toThrow(
    "FENCED_LEADER_EPOCH",
  );
  expect((await leader.replicate(fetch(5, 0), never)).batches).toHaveLength(0);
});

test("a record is acknowledged and seen by consumers only when the follower has asked for what comes after it", async () => {
  const leader = replica();
  leader.lead(new HandLeading(1));
  let isAcknowledged = false;
  const producing = leader.produce(produce(0, "a", "b"), 0).then((sent) => {
    isAcknowledged = true;
    return sent;
  });
  const { batches, highWatermark } = await leader.replicate(fetch(1, 0), never);
  expect(highWatermark).toBe(0);
  expect((await leader.fetch(consume(0), never)).batches).toHaveLength(0);
  expect(isAcknowledged).toBe(false);

  const waiting = leader.fetch(consume(0, 5_000), never);
  await leader.replicate(fetch(1, 2), never);
  expect(await producing).toEqual({ baseOffset: 0, leaderEpoch: 1 });
  expect((await waiting).batches).toEqual(batches);
  expect(leader.bounds()).toEqual({ earliest: 0, latest: 2 });
});

test("a batch that is sent again is answered with its old place and is not written again, also by the next leader", async () => {
  const [first, second] = [replica("first"), replica("second")];
  const part = new HandLeading(1);
  first.lead(part);
  const lost = first.produce(produce(0, "a"), 0);
  const listener = await serve(first);
  second.follow(following(1, listener.address).part, world());
  await lost;
  expect(await first.produce(produce(0, "a"), 0)).toEqual({ baseOffset: 0, leaderEpoch: 1 });

  part.over.abort();
  await expect(first.produce(produce(0, "a"), 0)).rejects.toMatchObject({ code: "NOT_LEADER" });
  second.lead(new HandLeading(2, 2));
  const again = second.produce(produce(0, "a"), 0);
  await second.replicate({ ...fetch(2, 1), replica: 1 }, never);
  expect(await again).toEqual({ baseOffset: 0, leaderEpoch: 2 });
  expect(texts(second.log)).toEqual(["a"]);
});

test("a batch with others missing before it is refused, and so is one of a producer that the log does not know", async () => {
  const leader = replica();
  leader.lead(new HandLeading(1));
  await expect(leader.produce(produce(3, "x"), 0)).rejects.toMatchObject({ code: "OUT_OF_ORDER_SEQUENCE" });
  void leader.produce({ ...produce(0, "a"), acks: "leader" }, 0);
  await expect(leader.produce(produce(2, "x"), 0)).rejects.toMatchObject({ code: "OUT_OF_ORDER_SEQUENCE" });
  expect(leader.log.endOffset).toBe(1);
});

test("nothing is appended while too few are in sync, nor by a leader that is not certain to lead", async () => {
  const leader = replica();
  const part = new HandLeading(1);
  leader.lead(part);
  part.canAppend = "NOT_ENOUGH_REPLICAS";
  await expect(leader.produce(produce(0, "a"), 0)).rejects.toMatchObject({ code: "NOT_ENOUGH_REPLICAS" });
  part.isValid = false;
  await expect(leader.produce(produce(0, "a"), 0)).rejects.toMatchObject({ code: "NOT_LEADER" });
  await expect(leader.fetch(consume(0), never)).rejects.toMatchObject({ code: "NOT_LEADER" });
  expect(leader.log.endOffset).toBe(0);
});

test("what waits at a leader is answered when it leads no more", async () => {
  const leader = replica();
  const part = new HandLeading(1);
  leader.lead(part);
  const waiting = [
    leader.produce(produce(0, "a"), 0),
    leader.fetch(consume(0, 5_000), never),
    leader.replicate({ ...fetch(1, 1), maxWaitMs: 5_000 }, never),
  ];
  const outcomes = Promise.allSettled(waiting);
  part.over.abort();
  for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { code: "NOT_LEADER" } });
});

test("a follower cuts off what its leader does not have before it fetches, through several epochs, and then has the same", async () => {
  const [leader, follower] = [replica("leader"), replica("follower")];
  const write = (log: PartitionLog, leaderEpoch: number, ...records: string[]): void => {
    for (const text of records) {
      log.append({ leaderEpoch, producerId: 0, sequence: 0, timeMs: 0 }, [Buffer.from(text)]);
    }
  };
  // Both were leaders of epochs that the other one never saw: each asks back until they meet.
  for (const { log } of [leader, follower]) write(log, 1, "a", "b");
  write(leader.log, 2, "c");
  write(leader.log, 5, "d", "e");
  write(follower.log, 3, "x", "y", "z");
  write(follower.log, 4, "w");
  leader.lead(new HandLeading(6));
  const listener = await serve(leader);
  follower.follow(following(6, listener.address).part, world());

  await expect.poll(() => texts(follower.log)).toEqual(["a", "b", "c", "d", "e"]);
  expect(follower.log.epochs).toEqual(leader.log.epochs.filter(({ epoch }) => epoch !== 6));
  await expect.poll(() => leader.log.highWatermark).toBe(5);
});

test("a follower that is told of a new part fetches nothing more for the old one", async () => {
  const [old, leader, follower] = [replica("old"), replica("leader"), replica("follower")];
  old.lead(new HandLeading(1));
  void old.produce({ ...produce(0, "old"), acks: "leader" }, 0);
  leader.lead(new HandLeading(2));
  void leader.produce({ ...produce(0, "new"), acks: "leader" }, 0);
  const [there, here] = [await serve(old), await serve(leader)];
  const links = world();
  follower.follow(following(1, there.address).part, links);
  await expect.poll(() => texts(follower.log)).toEqual(["old"]);
  follower.follow(following(2, here.address).part, links);
  await expect.poll(() => texts(follower.log)).toEqual(["new"]);
  // The fetch that waits at the old leader is answered now.
  await old.produce({ ...produce(1, "late"), acks: "leader" }, 0);
  await setTimeout(20);
  await leader.produce({ ...produce(1, "next"), acks: "leader" }, 0);
  await expect.poll(() => texts(follower.log)).toEqual(["new", "next"]);
  expect(follower.log.epochs).toEqual([{ epoch: 2, startOffset: 0 }]);
});
