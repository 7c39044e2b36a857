/**
 * A broker's place in its cluster, as its host holds it: puts together what is kept up for it.
 *
 * Everything is taken in transaction by transaction, and the host is called in the turn in which the image has it. What it leads is the
 * membership's affair; this has what the broker says of itself, its leaving, and its candidature for the controllership.
 */
import { type Client, CorralError, type Deadline, isCorralError } from "@corral/client";
import type { Registration } from "@corral/recipes";
import { unseen } from "@corral/recipes/authoring";
import { runController } from "../controller/controller.ts";
import type { MakeDuty } from "../controller/duty.ts";
import { followController } from "../controller/follow.ts";
import type { ClusterImage } from "../image/cluster-image.ts";
import type { Changed, ConfigView, Delta } from "../image/views.ts";
import type { BrokerRecord, ClusterRecord, Endpoint } from "../records.ts";
import type { BrokerAgent, BrokerAgentOptions, Leading } from "./api.ts";
import { checkEndpoints, checkFailedReplicas } from "./check-options.ts";
import { drainStage } from "./drain.ts";
import { checkEndpointsFree } from "./enroll.ts";
import { checkCluster } from "./found-cluster.ts";
import { HostCalls } from "./host-calls.ts";
import { DRAIN_MS, UNREGISTER_MS } from "./limits.ts";
import { Membership } from "./membership.ts";
import { OwnRecord } from "./own-record.ts";
import { Seen } from "./seen.ts";

/** What an agent is made of, once the broker is registered. */
export interface AgentParts {
  readonly client: Client;
  readonly options: BrokerAgentOptions;
  readonly cluster: ClusterRecord;
  readonly image: ClusterImage;
  readonly registration: Registration<BrokerRecord>;
  readonly record: BrokerRecord;
  /** Empty: it will not be controller. */
  readonly duties: readonly MakeDuty[];
}

export class Agent implements BrokerAgent {
  readonly id: number;
  readonly client: Client;
  readonly clusterId: string;
  readonly image: ClusterImage;
  readonly #parts: AgentParts;
  readonly #calls: HostCalls;
  readonly #own: OwnRecord;
  readonly #membership: Membership;
  readonly #seen: Seen;
  readonly #over = new AbortController();
  readonly #stopListening: () => void;
  /** That it was checked against. */
  #cluster: ClusterRecord | undefined;
  #controller: BrokerAgent["controller"];
  #controlling: Promise<void> = Promise.resolve();
  /** At which the record said first that it drains. */
  #drainingSince: number | undefined;
  #shutdown: Promise<{ readonly stillLed: number }> | undefined;
  /** Once it is closed: resolves when everything of it is gone. */
  #ended: Promise<unknown> = Promise.resolve();
  /** Wakes who waits for a transaction, or the end. */
  #wake = (): void => {};

  constructor(parts: AgentParts) {
    const { client, options, cluster, image, registration, record } = parts;
    const broker = record.id;
    this.id = broker;
    this.client = client;
    this.clusterId = cluster.clusterId;
    this.image = image;
    this.#parts = parts;
    this.#cluster = image.cluster;
    const calls = new HostCalls(options.host, client.clock);
    this.#calls = calls;
    this.#own = new OwnRecord(registration, record);
    this.#membership = new Membership({ broker, client, image, registration, calls, onDisk: options.onDisk ?? [] });
    const publish = (seenZxid: number | null): Promise<void> => this.#publish(seenZxid);
    this.#seen = new Seen({ broker, image, client, publish, signal: this.signal });
    for (const now of image.configs()) this.#tellConfig({ before: undefined, now }, image.zxid);
    this.#stopListening = image.on((delta) => {
      this.#apply(delta);
    });
    for (const part of [registration.signal, image.signal]) {
      part.addEventListener("abort", () => {
        this.#close(part.reason as CorralError, true);
      });
    }
    void this.#membership.follow(this.signal);
    this.#followController();
    if (options.canBeController !== false) this.#controlling = this.#control();
  }

  get epoch(): number | undefined {
    return this.isValid ? this.#membership.life?.epoch : undefined;
  }

  get status(): BrokerAgent["status"] {
    if (this.signal.aborted) return "closed";
    return this.isValid ? (this.image.broker(this.id)?.status ?? "unregistered") : "unregistered";
  }

  get isValid(): boolean {
    return this.#membership.life?.isValid ?? false;
  }

  get leaseRemainingMs(): number {
    return this.#membership.life?.validForMs ?? 0;
  }

  get controller(): BrokerAgent["controller"] {
    return this.#controller;
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  leading(topicId: string, partition: number): Leading | undefined {
    return this.#membership.roles.leading(topicId, partition);
  }

  // ---- what the host says of itself -------------------------------------------------------------------------------------

  async activate(): Promise<void> {
    const { status } = this.#own.now;
    if (status === "active") return;
    if (status === "draining") {
      const detail = { path: this.image.paths.broker(this.id), name: "status" };
      throw new CorralError("BAD_ARGUMENTS", {
        op: "activate",
        detail,
        outcome: "no",
        means: "this broker is leaving",
      });
    }
    await this.#own.change({ status: "active" });
  }

  async setEndpoints(endpoints: readonly Endpoint[], rack: string | null = this.#own.now.rack): Promise<void> {
    checkEndpoints(endpoints);
    checkEndpointsFree(this.image, this.id, endpoints);
    await this.#own.change({ endpoints, rack });
  }

  async setFailedReplicas(failedReplicas: readonly string[]): Promise<void> {
    checkFailedReplicas(failedReplicas);
    await this.#own.change({ failedReplicas });
  }

  async #publish(seenZxid: number | null): Promise<void> {
    try {
      await this.#own.change({ seenZxid });
    } catch (error) {
      // Who waits for it goes when his time is over.
      this.#failed(error, "seenZxid");
    }
  }

  // ---- leaving ----------------------------------------------------------------------------------------------------------

  shutdown({
    drain = true,
    timeoutMs = DRAIN_MS,
  }: { readonly drain?: boolean; readonly timeoutMs?: number } = {}): Promise<{
    readonly stillLed: number;
  }> {
    this.#shutdown ??= this.#leave(drain, timeoutMs);
    // Whoever waits for the draining is not made to wait on.
    if (!drain) this.#close(closed(this.image.paths.broker(this.id)), false);
    return this.#shutdown;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown({ drain: false });
  }

  async #leave(drain: boolean, timeoutMs: number): Promise<{ readonly stillLed: number }> {
    if (drain) await this.#drain(this.client.deadline("shutdown", { timeoutMs }));
    const stillLed = this.#membership.roles.ledCount;
    this.#close(closed(this.image.paths.broker(this.id)), false);
    await this.#ended;
    return { stillLed };
  }

  /** Until it is done, or the time is over. */
  async #drain(deadline: Deadline): Promise<void> {
    try {
      await this.#own.change({ status: "draining" }, deadline.rest().timeoutMs);
      while (this.#membership.life !== undefined && !this.#isDrained()) {
        await deadline.race(
          new Promise<void>((resolve) => {
            this.#wake = resolve;
          }),
        );
      }
    } catch (error) {
      if (!isCorralError(error, "TIMEOUT")) this.#failed(error, "shutdown");
    }
  }

  #isDrained(): boolean {
    const since = this.#drainingSince;
    return since !== undefined && drainStage(this.image, this.id, this.#membership.roles, since) === "done";
  }

  /** For good. `isLost`: not by its own act. */
  #close(why: CorralError, isLost: boolean): void {
    if (this.signal.aborted) return;
    this.#stopListening();
    this.#over.abort(why);
    this.#membership.close(why, isLost);
    this.#wake();
    this.#ended = Promise.all([
      this.#parts.registration.unregister({ timeoutMs: UNREGISTER_MS }),
      this.image.close(),
      this.#controlling,
    ]);
    unseen(this.#ended);
  }

  // ---- the controllership -----------------------------------------------------------------------------------------------

  #followController(): void {
    const { client, image } = this.#parts;
    const tell = (controller: BrokerAgent["controller"]): void => {
      this.#controller = controller;
      this.#calls.call("controllerChanged", (host) => host.controllerChanged?.(controller));
    };
    followController({ client, paths: image.paths, tell, signal: this.signal }).catch((error: unknown) => {
      this.#failed(error, "following the controller");
    });
  }

  async #control(): Promise<void> {
    const { client, image, registration, duties } = this.#parts;
    const onError = (error: unknown, where: string): void => {
      this.#failed(error, where);
    };
    const { signal, id: broker } = this;
    try {
      await runController({ client, paths: image.paths, broker, registration, image, duties, onError, signal });
    } catch (error) {
      this.#failed(error, "controller");
    }
  }

  /** What goes wrong because it is over is nobody's business. */
  #failed(error: unknown, where: string): void {
    if (!this.signal.aborted) this.#calls.failed(error, where);
  }

  // ---- transactions -----------------------------------------------------------------------------------------------------

  #apply(delta: Delta): void {
    for (const change of delta.configs) this.#tellConfig(change, delta.zxid);
    if (this.image.broker(this.id)?.status === "draining") this.#drainingSince ??= delta.zxid;
    this.#membership.apply(delta);
    this.#seen.apply(delta);
    this.#checkCluster();
    this.#wake();
  }

  /** Features that were finalized while this broker was coming may be none of its own. */
  #checkCluster(): void {
    const { cluster, paths } = this.image;
    if (cluster === this.#cluster || cluster === undefined) return;
    this.#cluster = cluster;
    try {
      checkCluster(cluster, paths, { ...this.#parts.options, clusterId: this.clusterId });
    } catch (error) {
      this.#close(error as CorralError, true);
    }
  }

  #tellConfig({ before, now }: Changed<ConfigView>, zxid: number): void {
    const { type, entity } = (now ?? before) as ConfigView;
    this.#calls.call(`configChanged ${type} ${entity}`, (host) =>
      host.configChanged?.({ type, entity, before: before?.values, now: now?.values, zxid }),
    );
  }
}

function closed(path: string): CorralError {
  return new CorralError("CLOSED", {
    op: "broker",
    detail: { path },
    outcome: "no",
    means: "the broker was shut down",
  });
}
