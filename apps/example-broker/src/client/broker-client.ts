/**
 * A client of the brokers: knows who leads what, asks there, and asks again elsewhere when that has changed.
 *
 * Owns what it knows of the cluster, and its connections. What it knows never goes back: an answer that is older than one before is not
 * believed.
 */
import { randomInt } from "node:crypto";
import { Notice } from "../notice.ts";
import { BrokerError } from "../wire/errors.ts";
import { type BrokerRequests, type Metadata, WAIT_MAX_MS } from "../wire/messages.ts";
import type { Address } from "../wire/peer.ts";
import { Peers } from "../wire/peers.ts";

/** Between two tries, milliseconds: doubled from one to the next, and a random part of it. */
const PAUSE_MIN_MS = 20;
const PAUSE_MAX_MS = 500;

type Led = "produce" | "fetch" | "bounds";

interface Leader {
  readonly epoch: number;
  readonly address: Address;
}

export class BrokerClient {
  readonly #bootstrap: readonly Address[];
  readonly #peers = new Peers<BrokerRequests>();
  readonly #closed = new AbortController();
  /** By topic and partition. */
  readonly #leaders = new Map<string, Leader>();
  #metadata: Metadata | undefined;
  #refreshing: Promise<Metadata> | undefined;

  /** `bootstrap`: brokers of the cluster, any that will be there. */
  constructor(bootstrap: readonly Address[]) {
    if (bootstrap.length === 0) throw new RangeError("no address of a broker is given");
    this.#bootstrap = bootstrap;
  }

  /** The cluster as some broker sees it now. Tries until the signal is aborted. */
  async metadata(signal?: AbortSignal): Promise<Metadata> {
    return this.#untilDone(signal, () => this.#refresh(0));
  }

  /** The cluster, then again whenever something of it changes. Ends by the signal. */
  async *changes(signal: AbortSignal): AsyncGenerator<Metadata, void, undefined> {
    let seen = 0;
    while (!this.#isOver(signal)) {
      const now = await this.#untilDone(signal, () => this.#ask({ since: seen, maxWaitMs: WAIT_MAX_MS })).catch(
        (error: unknown) => {
          if (this.#isOver(signal)) return undefined;
          throw error;
        },
      );
      if (now === undefined) return;
      if (now.zxid > seen) yield now;
      seen = Math.max(seen, now.zxid);
    }
  }

  /**
   * Asks the leader of a partition, whoever that is by then. What can succeed later is tried until the signal is aborted; it then rejects with
   * the last failure. `waitMs`: what the request itself may wait there.
   */
  async atLeader<K extends Led>(
    operation: K,
    request: BrokerRequests[K]["request"],
    waitMs: number = 0,
    signal?: AbortSignal,
  ): Promise<BrokerRequests[K]["reply"]> {
    const key = `${request.topic}/${request.partition}`;
    return this.#untilDone(signal, async () => {
      const leader = this.#leaders.get(key) ?? (await this.#find(key));
      try {
        const peer = await this.#peers.to(leader.address);
        return await peer.request<Led>(operation, request, waitMs);
      } catch (error) {
        if (error instanceof BrokerError) this.#learn(key, leader, error);
        throw error;
      }
    });
  }

  /** What is under way is `DISCONNECTED`. */
  close(): void {
    this.#closed.abort();
    this.#peers.close();
  }

  async #find(key: string): Promise<Leader> {
    await this.#refresh(0);
    const leader = this.#leaders.get(key);
    if (leader === undefined) throw new BrokerError("NOT_LEADER", `nobody leads ${key}`);
    return leader;
  }

  /** A hint is followed if it is newer than what failed; without one, what is known is forgotten. */
  #learn(key: string, failed: Leader, { code, hint }: BrokerError): void {
    if (this.#leaders.get(key) !== failed) return;
    if (hint !== undefined && hint.leaderEpoch > failed.epoch) {
      this.#leaders.set(key, { epoch: hint.leaderEpoch, address: { host: hint.host, port: hint.port } });
    } else if (code === "NOT_LEADER" || code === "DISCONNECTED" || code === "UNKNOWN_TOPIC_OR_PARTITION") {
      this.#leaders.delete(key);
    }
  }

  /** Of several who want it at once, one asks. */
  #refresh(since: number): Promise<Metadata> {
    this.#refreshing ??= this.#ask({ since, maxWaitMs: 0 }).finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  /** Asks one broker after the other, from a random one on, until one answers with nothing older than what is known. */
  async #ask(request: BrokerRequests["metadata"]["request"]): Promise<Metadata> {
    const addresses = [...(this.#metadata?.brokers ?? []), ...this.#bootstrap];
    const first = randomInt(addresses.length);
    let failure = new BrokerError("DISCONNECTED", "no broker answers");
    for (let n = 0; n < addresses.length; n += 1) {
      try {
        const peer = await this.#peers.to(addresses[(first + n) % addresses.length] as Address);
        const metadata = await peer.request("metadata", request, request.maxWaitMs);
        if (metadata.zxid >= (this.#metadata?.zxid ?? 0)) return this.#take(metadata);
      } catch (error) {
        if (!(error instanceof BrokerError)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  #take(metadata: Metadata): Metadata {
    this.#metadata = metadata;
    const addresses = new Map(metadata.brokers.map(({ id, host, port }) => [id, { host, port }]));
    for (const topic of metadata.topics) {
      for (const { partition, leader, leaderEpoch } of topic.partitions) {
        const key = `${topic.name}/${partition}`;
        const address = leader === null ? undefined : addresses.get(leader);
        const known = this.#leaders.get(key);
        if (address === undefined || (known !== undefined && known.epoch > leaderEpoch)) continue;
        if (known?.epoch === leaderEpoch && known.address.port === address.port) continue;
        this.#leaders.set(key, { epoch: leaderEpoch, address });
      }
    }
    return metadata;
  }

  async #untilDone<T>(signal: AbortSignal | undefined, attempt: () => Promise<T>): Promise<T> {
    const pause = new Notice();
    const signals = signal === undefined ? [this.#closed.signal] : [this.#closed.signal, signal];
    for (let limitMs = PAUSE_MIN_MS; ; limitMs = Math.min(2 * limitMs, PAUSE_MAX_MS)) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof BrokerError) || !error.isRetriable || this.#isOver(signal)) throw error;
      }
      await pause.wait(randomInt(limitMs / 2, limitMs), ...signals);
    }
  }

  #isOver(signal: AbortSignal | undefined): boolean {
    return this.#closed.signal.aborted || signal?.aborted === true;
  }
}
