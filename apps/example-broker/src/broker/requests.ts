/**
 * What a broker does with each request: finds the replica, asks it, and says who leads when that is not it.
 *
 * Owns the table of requests. Never touches a log.
 */
import type { BrokerAgent } from "@corral/broker-agent";
import { isCorralError } from "@corral/client";
import { BrokerError } from "../wire/errors.ts";
import { Fields, requestReaders } from "../wire/fields.ts";
import type { Handle } from "../wire/listener.ts";
import type { BrokerRequests, MetadataRequest, ReplicateRequest } from "../wire/messages.ts";
import { concernsClients, hintOf, metadataOf } from "./metadata.ts";
import { Notice } from "../notice.ts";
import { notLeader, type Replica } from "./replica.ts";
import type { Replicas } from "./replicas.ts";

type Handlers = {
  readonly [K in keyof BrokerRequests]: (
    request: BrokerRequests[K]["request"],
    gone: AbortSignal,
  ) => BrokerRequests[K]["reply"] | Promise<BrokerRequests[K]["reply"]>;
};

/** `agent` is not there before the listener is: whoever asks so early is told to come again. */
export class Requests {
  readonly #replicas: Replicas;
  readonly #changed = new Notice();
  #agent: BrokerAgent | undefined;
  /** Of the last change that concerns clients. */
  #metadataZxid = 0;

  constructor(replicas: Replicas) {
    this.#replicas = replicas;
  }

  begin(agent: BrokerAgent): void {
    this.#agent = agent;
    this.#metadataZxid = agent.image.zxid;
    agent.image.on((delta) => {
      if (!concernsClients(delta)) return;
      this.#metadataZxid = delta.zxid;
      this.#changed.wake();
    });
  }

  readonly handle: Handle = async (operation, body, gone) => {
    if (!Object.hasOwn(this.#handlers, operation)) throw new BrokerError("INVALID_REQUEST", "no such operation");
    const name = operation as keyof BrokerRequests;
    const handler = this.#handlers[name] as (request: unknown, gone: AbortSignal) => unknown;
    try {
      return await handler(requestReaders[name](new Fields(body)), gone);
    } catch (error) {
      // The image has ended with the agent.
      if (isCorralError(error, "CLOSED") && this.#agent?.signal.aborted === true) throw stopping();
      throw error;
    }
  };

  readonly #handlers: Handlers = {
    metadata: (request, gone) => this.#metadata(request, gone),
    produce: (request) =>
      this.#led(request, (replica) => replica.produce(request, this.#registered().client.clock.wallMs())),
    fetch: (request, gone) => this.#led(request, (replica) => replica.fetch(request, gone)),
    bounds: (request) => this.#led(request, (replica) => replica.bounds()),
    replicate: (request, gone) => {
      this.#checkBrokerEpoch(request);
      return this.#kept(request).replicate(request, gone);
    },
    epochEnd: (request) => this.#kept(request).epochEnd(request),
  };

  async #metadata(
    { since, maxWaitMs }: MetadataRequest,
    gone: AbortSignal,
  ): Promise<BrokerRequests["metadata"]["reply"]> {
    const agent = this.#registered();
    await this.#changed.until(() => this.#metadataZxid > since, maxWaitMs, gone, agent.signal);
    return metadataOf(agent);
  }

  /** Asks the replica by the topic's name; NOT_LEADER goes out with the hint where to ask instead. */
  async #led<T>(
    { topic, partition }: { readonly topic: string; readonly partition: number },
    ask: (replica: Replica) => T | Promise<T>,
  ): Promise<T> {
    const { image } = this.#registered();
    const view = image.topic(topic);
    if (view?.state !== "live" || partition >= view.partitions) {
      throw new BrokerError("UNKNOWN_TOPIC_OR_PARTITION", `${topic}/${partition}`);
    }
    try {
      const replica = this.#replicas.find(view.id, partition);
      if (replica === undefined) throw notLeader({ topic, partition });
      return await ask(replica);
    } catch (error) {
      if (!(error instanceof BrokerError) || error.code !== "NOT_LEADER") throw error;
      throw new BrokerError("NOT_LEADER", `of ${topic}/${partition}`, hintOf(image, topic, partition));
    }
  }

  #kept({ topicId, partition }: { readonly topicId: string; readonly partition: number }): Replica {
    const replica = this.#replicas.find(topicId, partition);
    if (replica === undefined) throw notLeader({ topic: topicId, partition });
    return replica;
  }

  /** A fetch of a life of the follower's broker that is over says nothing of the one that lives. KIP-380. */
  #checkBrokerEpoch({ replica, brokerEpoch }: ReplicateRequest): void {
    const now = this.#registered().image.broker(replica)?.epoch;
    if (now !== undefined && brokerEpoch < now) {
      throw new BrokerError("STALE_BROKER_EPOCH", `broker ${replica} lives in epoch ${now}, not ${brokerEpoch}`);
    }
  }

  #registered(): BrokerAgent {
    if (this.#agent === undefined) throw new BrokerError("NOT_LEADER", "this broker is still starting");
    return this.#agent;
  }
}

function stopping(): BrokerError {
  return new BrokerError("NOT_LEADER", "this broker is stopping");
}
