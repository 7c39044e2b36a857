/**
 * Bugs to be built in on purpose, so that the checks can be seen to find them. They stand where a real one would: between
 * the server and its log, or on the wire.
 */
import type { CommittedBatch, Log, LogListener } from "@corral/log";
import { decodeFrame, ELEMENTS_MAX_TO_CLIENT, Push, type Value, Writer } from "@corral/protocol";
import type { Listener } from "@corral/server";

const LOG_PLANTS = ["early-ack", "lost-record", "swapped-records"] as const;
const WIRE_PLANTS = ["late-events", "lost-event", "lost-change", "stale-reply"] as const;
/** In the programs of a group. */
const GROUP_PLANTS = [
  "effects-beside-offset",
  "sink-ignores-tokens",
  "commits-before-handling",
  "offsets-set-unseen",
  "restless-assignor",
] as const;
/** In hosts of brokers, and between agents and their clients. */
const BROKER_PLANTS = [
  "host-acknowledges-at-once",
  "host-claims-what-it-has-not",
  "host-keeps-what-diverged",
  "host-ignores-its-end",
  "agent-writes-unguarded",
  "agent-keeps-the-epoch",
  "agent-elects-strangers",
  "agent-misses-changes",
] as const;
/** In programs that use recipes. */
const RECIPE_PLANTS = [
  "writes-without-token",
  "writes-without-guard",
  "holds-before-its-turn",
  "passes-without-waiting",
  "adds-again",
  "never-releases",
  "drops-jobs",
] as const;
export const PLANTS: readonly [
  ...typeof RECIPE_PLANTS,
  ...typeof LOG_PLANTS,
  ...typeof WIRE_PLANTS,
  ...typeof GROUP_PLANTS,
  ...typeof BROKER_PLANTS,
] = [...RECIPE_PLANTS, ...LOG_PLANTS, ...WIRE_PLANTS, ...GROUP_PLANTS, ...BROKER_PLANTS];
export type Plant = (typeof PLANTS)[number];

const ZXIDS_PER_EPOCH = 2 ** 32;

/** The log, with a bug if it is one of a log's. */
export function plantedLog(log: Log, plant: Plant | undefined): Log {
  switch (plant) {
    case "early-ack":
      return earlyAck(log);
    case "lost-record":
      return forgetful(log);
    case "swapped-records":
      return swapping(log);
    default:
      return log;
  }
}

/** Tells of a batch as committed when it is handed over, before it is on the disk. */
function earlyAck(log: Log): Log {
  let listener: LogListener | undefined;
  let seq = 0;
  let epoch = 1;
  let counter = 0;
  const place = (batch: CommittedBatch): void => {
    seq = batch.seq;
    epoch = Math.floor(batch.firstZxid / ZXIDS_PER_EPOCH);
  };
  return altered(log, {
    async recover(owner) {
      const recovered = await log.recover({
        snapshot: (source) => owner.snapshot(source),
        batch(batch) {
          place(batch);
          return owner.batch(batch);
        },
      });
      epoch = Math.max(epoch, Math.floor(recovered.lastZxid / ZXIDS_PER_EPOCH));
      return recovered;
    },
    async open(owner) {
      listener = owner;
      epoch++;
      await log.open({
        committed: () => {},
        failed: (error) => owner.failed(error),
        space: (state) => owner.space(state),
      });
    },
    propose(batch) {
      log.propose(batch);
      const { level, count, timeMs, body } = batch;
      const early = {
        level,
        epoch,
        seq: ++seq,
        firstZxid: epoch * ZXIDS_PER_EPOCH + counter + 1,
        count,
        timeMs,
        body,
        own: batch,
      };
      counter += count;
      queueMicrotask(() => listener!.committed(early));
    },
  });
}

/** Does not read every record back. */
function forgetful(log: Log): Log {
  return altered(log, {
    recover: (owner) =>
      log.recover({
        snapshot: (source) => owner.snapshot(source),
        batch: (batch) => (batch.seq % 7 === 0 ? undefined : owner.batch(batch)),
      }),
  });
}

/** Reads now and then a record back after the one that follows it. (One that is read twice does no harm: the state has it already.) */
function swapping(log: Log): Log {
  return altered(log, {
    recover(owner) {
      let held: CommittedBatch | undefined;
      return log.recover({
        snapshot: (source) => owner.snapshot(source),
        async batch(batch) {
          if (held === undefined && batch.seq % 5 === 0) {
            held = { ...batch, body: Uint8Array.from(batch.body) };
            return;
          }
          await owner.batch(batch);
          if (held !== undefined) await owner.batch(held);
          held = undefined;
        },
      });
    },
  });
}

/** What is known of a log only later is asked for only then. */
function altered(log: Log, changes: Partial<Pick<Log, "recover" | "open" | "propose">>): Log {
  return {
    get clusterId() {
      return log.clusterId;
    },
    get exclusive() {
      return log.exclusive;
    },
    recover: (owner) => log.recover(owner),
    open: (owner) => log.open(owner),
    propose: (batch) => log.propose(batch),
    createSnapshot: (zxid) => log.createSnapshot(zxid),
    close: () => log.close(),
    ...changes,
  };
}

interface Message {
  readonly value: readonly Value[];
  readonly bytes: Uint8Array;
}

/** The listener, with a bug if it is one of the wire's. */
export function plantedListener(listener: Listener, plant: Plant | undefined): Listener {
  const spoil = plant === undefined ? undefined : spoilers()[plant];
  if (spoil === undefined) return listener;
  return {
    url: listener.url,
    close: () => listener.close(),
    listen: (accept) =>
      listener.listen((socket) => {
        let frames = 0;
        return accept({
          peer: socket.peer,
          // The first frame is Welcome.
          send: (bytes, taken) =>
            socket.send(
              frames++ === 0 ? bytes : Buffer.concat(spoil(messagesOf(bytes)).map((message) => message.bytes)),
              taken,
            ),
          close: (code, reason) => socket.close(code, reason),
          pause: () => socket.pause(),
          resume: () => socket.resume(),
        });
      }),
  };
}

const isEvent = ({ value }: Message): boolean => value[0] === Push.event;
const isChange = ({ value }: Message): boolean => value[0] === Push.subscription && value[3] === 1;

/** What each does to the messages of a frame. */
function spoilers(): Partial<Record<Plant, (messages: readonly Message[]) => readonly Message[]>> {
  let met = 0;
  const without =
    (every: number, is: (message: Message) => boolean) =>
    (messages: readonly Message[]): readonly Message[] =>
      messages.filter((message) => !is(message) || ++met % every !== 0);
  let last: Message | undefined;
  return {
    "late-events": (messages) => [...messages.filter((message) => !isEvent(message)), ...messages.filter(isEvent)],
    "lost-event": without(20, isEvent),
    "lost-change": without(20, isChange),
    // Now and then a read is answered with what was there a while ago.
    "stale-reply": (messages) =>
      messages.map((message) => {
        const isRead =
          (message.value[0] as number) > 0 && message.value.length === 5 && message.value[3] instanceof Uint8Array;
        if (!isRead || ++met % 20 !== 0) {
          if (isRead) last = message;
          return message;
        }
        return last === undefined ? message : { value: last.value, bytes: renumbered(message, last) };
      }),
  };
}

function messagesOf(bytes: Uint8Array): readonly Message[] {
  const { values, ends } = decodeFrame(bytes, ELEMENTS_MAX_TO_CLIENT);
  return values.map((value, i) => ({
    value: value as readonly Value[],
    bytes: bytes.subarray(i === 0 ? 0 : ends[i - 1], ends[i]),
  }));
}

/** The content of one reply under the head of another. */
function renumbered(head: Message, content: Message): Uint8Array {
  const writer = new Writer(256);
  const [xid, zxid] = head.value as readonly number[];
  const [, , code, data, stat] = content.value as readonly [number, number, number, Uint8Array, readonly number[]];
  writer.array(5);
  for (const number of [xid!, zxid!, code]) writer.int(number);
  writer.bin(data);
  writer.array(stat.length);
  for (const number of stat) writer.int(number);
  return writer.take();
}
