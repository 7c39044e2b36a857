/**
 * What a follower does, from the beginning of its part to its end: cuts off what the leader does not have, then fetches.
 *
 * Owns no connection and no log; returns when the part is over. Rejects only by the disk's failure.
 */
import type { Following } from "@corral/broker-agent";
import type { PartitionLog } from "../log/partition-log.ts";
import { BrokerError } from "../wire/errors.ts";
import { type BrokerRequests, FETCH_BYTES_MAX } from "../wire/messages.ts";
import type { Peer } from "../wire/peer.ts";
import type { Peers } from "../wire/peers.ts";
import { Notice } from "../notice.ts";

/** What a follower needs to know of its own broker. */
export interface FollowerWorld {
  readonly broker: number;
  readonly peers: Peers<BrokerRequests>;
  /** Of this broker's present registration; undefined while there is none. */
  brokerEpoch(this: void): number | undefined;
}

/** A fetch with nothing to fetch is answered after that, milliseconds. */
const FETCH_WAIT_MS = 500;
/** Between two tries, milliseconds: doubled from the first to the second. */
const PAUSE_MIN_MS = 20;
const PAUSE_MAX_MS = 500;

export async function follow(
  part: Following,
  log: PartitionLog,
  world: FollowerWorld,
  signal: AbortSignal,
): Promise<void> {
  const pause = new Notice();
  let pauseMs = PAUSE_MIN_MS;
  while (!signal.aborted) {
    try {
      const peer = await connect(part, world);
      await cutOff(part, log, peer, signal);
      while (!signal.aborted) {
        await fetchOnce(part, log, world, peer, signal);
        pauseMs = PAUSE_MIN_MS;
      }
    } catch (error) {
      // The leader is down, or one of the two has not heard yet who leads: whatever it is, the cluster's state comes soon.
      if (!(error instanceof BrokerError)) throw error;
      await pause.wait(pauseMs, signal);
      pauseMs = Math.min(2 * pauseMs, PAUSE_MAX_MS);
    }
  }
}

async function connect(part: Following, world: FollowerWorld): Promise<Peer<BrokerRequests>> {
  const endpoint = part.endpoints?.[0];
  if (part.leader === undefined || endpoint === undefined) throw new BrokerError("NOT_LEADER", "nobody leads");
  return world.peers.to(endpoint);
}

/** Asks where this log's last epoch ends in the leader's, and cuts, until the two logs go on from one point. KIP-101, KIP-279. */
async function cutOff(
  part: Following,
  log: PartitionLog,
  peer: Peer<BrokerRequests>,
  signal: AbortSignal,
): Promise<void> {
  const { topicId, partition } = part.id;
  for (;;) {
    const last = log.epochs.at(-1);
    if (last === undefined) return;
    const answer = await peer.request("epochEnd", {
      topicId,
      partition,
      leaderEpoch: part.leaderEpoch,
      epoch: last.epoch,
    });
    if (signal.aborted || log.truncateBy(answer ?? undefined)) return;
  }
}

async function fetchOnce(
  part: Following,
  log: PartitionLog,
  world: FollowerWorld,
  peer: Peer<BrokerRequests>,
  signal: AbortSignal,
): Promise<void> {
  // What is asked for says what is had: it must be where the policy wants it.
  await log.flush();
  const brokerEpoch = world.brokerEpoch();
  if (brokerEpoch === undefined) throw new BrokerError("STALE_BROKER_EPOCH", "this broker is not registered now");
  if (signal.aborted) return;
  const { batches, highWatermark } = await peer.request(
    "replicate",
    {
      topicId: part.id.topicId,
      partition: part.id.partition,
      leaderEpoch: part.leaderEpoch,
      replica: world.broker,
      brokerEpoch,
      offset: log.endOffset,
      maxBytes: FETCH_BYTES_MAX,
      maxWaitMs: FETCH_WAIT_MS,
    },
    FETCH_WAIT_MS,
  );
  if (signal.aborted) return;
  if (batches.length > 0) log.appendFetched(Buffer.from(batches.buffer, batches.byteOffset, batches.byteLength));
  log.raiseHighWatermark(highWatermark);
}
