/**
 * A consumer: puts together the membership, the claims that follow from it, and a delivery for each of them.
 *
 * Owns their ends, the listeners and the status. Decides nothing about partitions.
 */
import { type CallOptions, CorralError, isCorralError, type StreamReader } from "@corral/client";
import { Newest, unseen } from "@corral/recipes/authoring";
import type { HeldClaim } from "./claims/claim.ts";
import { Committer } from "./claims/committer.ts";
import { Reconciler } from "./claims/reconciler.ts";
import type { ConsumeOptions, Consumer, ConsumerStatus } from "./consumer.ts";
import type { GroupPaths } from "./layout.ts";
import type { Membership } from "./membership/api.ts";
import type { TopicPartition } from "./source.ts";
import { Delivery } from "./delivery/delivery.ts";
import { type Handling, type Verdict, verdictOf, type Where } from "./delivery/handling.ts";
import { Listening } from "./delivery/listener.ts";
import type { HandlingSettings } from "./delivery/settings.ts";
import { statusOf } from "./delivery/status.ts";

/** For the last writes, when handlers have ended, milliseconds: without a connection they would wait for the session to end. */
const LAST_WRITES_MS = 5_000;

/** Where a consumer is on its way out. */
interface Ending {
  readonly why: Error;
  readonly done: Promise<void>;
}

export class GroupConsumer<M> implements Consumer {
  readonly group: string;
  readonly #membership: Membership;
  readonly #paths: GroupPaths;
  readonly #options: ConsumeOptions<M>;
  readonly #settings: HandlingSettings;
  readonly #committer: Committer;
  readonly #reconciler: Reconciler;
  readonly #handling: Handling<M>;
  readonly #listening: Listening;
  readonly #deliveries = new Map<HeldClaim, Delivery<M>>();
  readonly #statuses = new Newest<ConsumerStatus>();
  readonly #over = new AbortController();
  /** Ends the reading of targets. */
  readonly #settled = new AbortController();
  #ending: Ending | undefined;
  #handled = 0;
  #refused: string | undefined;
  #isChanged = false;

  constructor(membership: Membership, paths: GroupPaths, options: ConsumeOptions<M>, settings: HandlingSettings) {
    const { client } = membership;
    const { trace = () => {} } = options;
    const changed = (): void => this.#changed();
    const lost = (claim: HeldClaim, why: CorralError): void => this.#reconciler.lose([claim], why, false);
    this.group = options.group;
    this.#membership = membership;
    this.#paths = paths;
    this.#options = options;
    this.#settings = settings;
    this.#listening = new Listening(client, settings.rebalanceTimeoutMs);
    this.#committer = new Committer({
      client,
      paths,
      trace,
      intervalMs: settings.commitIntervalMs,
      every: settings.commitEvery,
      claims: () => this.#reconciler.claims(),
      lost,
      refused: (error, { partition }) => void this.#fault(error, { partition, offset: undefined }),
    });
    this.#handling = {
      ...settings,
      client,
      trace,
      changed,
      source: options.source,
      handle: options.handle,
      start: options.start,
      committer: this.#committer,
      turn: { sinceMs: 0 },
      fault: (error, where) => this.#fault(error, where),
      lost,
      doubt: (claim) => this.#doubt(claim),
      stuck: (where) => this.#stuck(where),
      handled: () => void this.#handled++,
    };
    this.#reconciler = new Reconciler({
      client,
      paths,
      membership,
      trace,
      changed,
      isAlone: options.assign !== undefined,
      committer: this.#committer,
      rebalanceTimeoutMs: settings.rebalanceTimeoutMs,
      taken: (claims) => this.#taken(claims),
      stop: (claim) => this.#stop(claim),
      revoked: (claims) => this.#tell(claims, () => options.rebalance?.revoked?.(claims)),
      lost: (claims, why) => void this.#tell(claims, () => options.rebalance?.lost?.(claims, why)),
      busy: (partition) => this.#busy(partition),
      refused: (partition, error) => void this.#fault(error, { partition, offset: undefined }),
    });
  }

  /** From now on it follows its targets. */
  begin(): void {
    const membership = this.#membership;
    const stop = membership.onLifeLost((why) => this.#reconciler.lifeLost(why));
    this.signal.addEventListener("abort", stop, { once: true });
    const over = (): void => {
      const why = membership.cause ?? (membership.signal.reason as Error);
      // Without a life nothing can be written any more.
      if (isCorralError(why)) this.#reconciler.lifeLost(why);
      if (this.#ending === undefined) this.#end(why, {});
    };
    if (membership.signal.aborted) over();
    else membership.signal.addEventListener("abort", over, { once: true });
    void this.#follow();
  }

  async #follow(): Promise<void> {
    for await (const target of this.#membership.targets(this.#settled.signal)) {
      if (this.#ending !== undefined) return;
      this.#refused = target?.refused;
      this.#reconciler.setTarget(target);
    }
  }

  get member(): string {
    return this.#membership.member;
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  get status(): ConsumerStatus {
    return statusOf({
      membership: this.#membership,
      reconciler: this.#reconciler,
      deliveryOf: (claim) => this.#deliveries.get(claim),
      handled: this.#handled,
      refused: this.#refused,
      isClosed: this.signal.aborted,
    });
  }

  states(signal?: AbortSignal): StreamReader<ConsumerStatus> {
    this.#statuses.tell(this.status);
    return this.#statuses.read(signal);
  }

  async commit(options?: CallOptions): Promise<void> {
    const deadline = this.#membership.client.deadline("commit", options);
    deadline.check();
    for (const delivery of this.#deliveries.values()) delivery.commitDone();
    await deadline.race(this.#committer.commit(this.#reconciler.claims()));
  }

  async seek(partition: TopicPartition, offset: number): Promise<void> {
    if (!Number.isSafeInteger(offset) || offset < 0) throw new RangeError(`seek: ${offset} is not an offset`);
    await this.#claimed(partition, "seek").seek(offset);
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const delivery of partitions.map((one) => this.#claimed(one, "pause"))) delivery.pause();
    this.#changed();
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const delivery of partitions.map((one) => this.#claimed(one, "resume"))) delivery.resume();
    this.#changed();
  }

  async close(options: { readonly temporarily?: boolean; readonly timeoutMs?: number } = {}): Promise<void> {
    const why = new CorralError("CLOSED", { op: "consume", detail: { name: this.group }, outcome: "no" });
    await (this.#ending ?? this.#end(why, options)).done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #claimed(partition: TopicPartition, op: string): Delivery<M> {
    const ward = this.#reconciler.ward(partition);
    const delivery = ward?.claim === undefined ? undefined : this.#deliveries.get(ward.claim);
    if (ward?.state === "claimed" && delivery !== undefined) return delivery;
    const means = `${partition.topic}/${partition.partition} is not claimed by this consumer`;
    throw new CorralError("BAD_ARGUMENTS", { op, detail: { name: "partition" }, outcome: "no", means });
  }

  #taken(claims: readonly HeldClaim[]): void {
    const deliveries = claims.map((claim) => new Delivery(this.#handling, claim));
    for (const delivery of deliveries) this.#deliveries.set(delivery.claim, delivery);
    const begin = (): void => {
      for (const delivery of deliveries) delivery.begin();
    };
    const { rebalance } = this.#options;
    if (rebalance?.assigned === undefined) begin();
    else void this.#tell(claims, () => rebalance.assigned?.(claims)).then(begin);
  }

  async #stop(claim: HeldClaim): Promise<void> {
    await this.#deliveries.get(claim)?.stop();
    if (claim.isOver) this.#deliveries.delete(claim);
  }

  #tell(claims: readonly HeldClaim[], call: () => void | Promise<void>): Promise<void> {
    const { partition } = claims[0]!;
    return this.#listening.tell(call, (error) => void this.#fault(error, { partition, offset: undefined }));
  }

  #fault(error: unknown, where: Where): Verdict {
    const { verdict, why } = verdictOf(this.#options.onError, error, where);
    if (verdict === "stop" && this.#ending === undefined) this.#end(why, {});
    return verdict;
  }

  #doubt(claim: HeldClaim): void {
    if (claim.isOver) return;
    const means = "it is not certain any more that the member lives: nothing is handed out on doubt";
    const detail = { path: claim.path };
    this.#reconciler.lifeLost(new CorralError("SESSION_EXPIRED", { op: "consume", detail, outcome: "no", means }));
  }

  #stuck(where: Where): void {
    const { topic, partition } = where.partition;
    const claim = this.#reconciler.ward(where.partition)?.claim;
    const { handlerTimeoutMs: limit } = this.#settings;
    const detail = { path: this.#paths.claim(topic, partition), name: "handlerTimeoutMs", limit };
    const means = `the handler of offset ${where.offset} has not ended: the member leaves the group`;
    const why = new CorralError("TIMEOUT", { op: "consume", detail, outcome: "no", means });
    this.#fault(why, where);
    // Also when the claim is over: while the handler hangs, this process can have the partition no more, and others are not to wait for it.
    if (claim !== undefined) this.#reconciler.giveUp(claim, why);
    if (this.#ending === undefined) this.#end(why, {});
  }

  /** Of partitions that were named by hand: who has named them must know. */
  #busy({ topic, partition }: TopicPartition): void {
    if (this.#options.assign === undefined || this.#ending !== undefined) return;
    const detail = { path: this.#paths.claim(topic, partition) };
    const means = "the partition is claimed by another consumer of the group";
    this.#end(new CorralError("NODE_EXISTS", { op: "consume", detail, outcome: "no", means }), {});
  }

  #end(why: unknown, options: { readonly temporarily?: boolean; readonly timeoutMs?: number }): Ending {
    const reason = why instanceof Error ? why : new Error(String(why));
    const done = this.#shutDown(reason, options);
    this.#ending = { why: reason, done };
    // Whoever closes looks at it.
    unseen(done);
    return this.#ending;
  }

  async #shutDown(
    why: Error,
    {
      temporarily = false,
      timeoutMs = this.#settings.rebalanceTimeoutMs,
    }: { readonly temporarily?: boolean; readonly timeoutMs?: number },
  ): Promise<void> {
    // In a later turn, so that whoever ends it has said so.
    await Promise.resolve();
    this.#settled.abort();
    const { client } = this.#membership;
    const inTime = client.deadline("close", { timeoutMs: timeoutMs + LAST_WRITES_MS });
    try {
      await inTime.race(this.#reconciler.giveBack(timeoutMs));
    } catch (error) {
      if (!isCorralError(error, "TIMEOUT")) throw error;
    }
    this.#committer.close();
    try {
      await this.#membership.leave({ temporarily, timeoutMs: LAST_WRITES_MS });
    } finally {
      this.#over.abort(why);
      this.#statuses.tell(this.status);
      this.#statuses.end();
    }
  }

  /** Told once for all that changes in one turn. */
  #changed(): void {
    if (this.#isChanged) return;
    this.#isChanged = true;
    queueMicrotask(() => {
      this.#isChanged = false;
      this.#statuses.tell(this.status);
    });
  }
}
