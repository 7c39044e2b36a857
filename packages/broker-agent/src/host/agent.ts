/**
 * A broker's place in its cluster: puts together what is kept up for it, and decides when a life of it begins and ends.
 *
 * A life begins when the registration says so and the image has it: everything from before it is then known. It ends when the registration says
 * so, the image shows another one or none, or the server refuses a write under it, whichever is first. Everything is taken in transaction by
 * transaction; the host is called in the turn in which the image has it.
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
import { Life } from "./life.ts";
import { DRAIN_MS, UNREGISTER_MS } from "./limits.ts";
import { OwnRecord } from "./own-record.ts";
import { Roles } from "./roles.ts";
import { Seen } from "./seen.ts";
import { Standings } from "./standings.ts";
import { Tenure, type TenureWorld } from "./tenure.ts";

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
  readonly #standings: Standings;
  readonly #roles: Roles;
  readonly #world: TenureWorld;
  readonly #seen: Seen;
  readonly #over = new AbortController();
  readonly #stopListening: () => void;
  #cluster: ClusterRecord | undefined;
  readonly #own: OwnRecord;
  #controlling: Promise<void> = Promise.resolve();
  /** Resolves when everything of it is gone; once it is closed. */
  #ended: Promise<unknown> = Promise.resolve();
  #tenure: Tenure | undefined;
  /** The epoch of the latest life: each begins once. */
  #latestEpoch = 0;
  #controller: BrokerAgent["controller"];
  /** At which the record said first that it drains. */
  #drainingSince: number | undefined;
  #shutdown: Promise<{ readonly stillLed: number }> | undefined;
  /** Wakes who waits for a transaction. */
  #wake = (): void => {};

  constructor(parts: AgentParts) {
    const { client, options, cluster, image, registration, record } = parts;
    this.id = record.id;
    this.client = client;
    this.clusterId = cluster.clusterId;
    this.image = image;
    this.#parts = parts;
    this.#own = new OwnRecord(registration, record);
    this.#cluster = image.cluster;
    this.#calls = new HostCalls(options.host, client.clock);
    this.#standings = new Standings(image);
    this.#world = {
      broker: this.id,
      client,
      image,
      calls: this.#calls,
      standings: this.#standings,
      led: () => this.#roles.led(),
      over: (life, why) => {
        if (this.#tenure?.life === life) this.#endLife(why);
      },
    };
    const { broker, calls } = this.#world;
    this.#roles = new Roles({ broker, image, calls }, options.onDisk ?? []);
    const publish = (seenZxid: number | null): Promise<void> => this.#publish(seenZxid);
    this.#seen = new Seen({ broker, image, client, publish, signal: this.signal });
    this.#tellConfigs();
    this.#stopListening = image.on((delta) => {
      this.#apply(delta);
    });
    this.#run();
  }

  get epoch(): number | undefined {
    return this.isValid ? this.#tenure?.life.epoch : undefined;
  }

  get status(): BrokerAgent["status"] {
    if (this.signal.aborted) return "closed";
    return this.isValid ? (this.image.broker(this.id)?.status ?? "unregistered") : "unregistered";
  }

  get isValid(): boolean {
    return this.#tenure?.life.isValid ?? false;
  }

  get leaseRemainingMs(): number {
    return this.#tenure?.life.validForMs ?? 0;
  }

  get controller(): BrokerAgent["controller"] {
    return this.#controller;
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  leading(topicId: string, partition: number): Leading | undefined {
    return this.#roles.leading(topicId, partition);
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
      if (!this.signal.aborted) this.#calls.failed(error, "seenZxid");
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
    if (!drain) this.#close(closed(this.image.paths.broker(this.id)));
    return this.#shutdown;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown({ drain: false });
  }

  async #leave(drain: boolean, timeoutMs: number): Promise<{ readonly stillLed: number }> {
    if (drain) await this.#drain(this.client.deadline("shutdown", { timeoutMs }));
    const stillLed = this.#roles.ledCount;
    this.#close(closed(this.image.paths.broker(this.id)));
    await this.#ended;
    return { stillLed };
  }

  /** Until it is done, or the time is over. */
  async #drain(deadline: Deadline): Promise<void> {
    try {
      await this.#own.change({ status: "draining" }, deadline.rest().timeoutMs);
      while (this.#tenure !== undefined && !this.#isDrained()) {
        await deadline.race(
          new Promise<void>((resolve) => {
            this.#wake = resolve;
          }),
        );
      }
    } catch (error) {
      if (!isCorralError(error, "TIMEOUT") && !this.signal.aborted) this.#calls.failed(error, "shutdown");
    }
  }

  #isDrained(): boolean {
    const since = this.#drainingSince;
    return since !== undefined && drainStage(this.image, this.id, this.#roles, since) === "done";
  }

  /** For good. By its own act, the host is not told that anything is lost. */
  #close(why: CorralError): void {
    if (this.signal.aborted) return;
    this.#stopListening();
    if (why.code !== "CLOSED") this.#endLife(why);
    this.#over.abort(why);
    this.#tenure?.end(why);
    this.#tenure = undefined;
    this.#roles.leave(why);
    this.#wake();
    this.#ended = Promise.all([
      this.#parts.registration.unregister({ timeoutMs: UNREGISTER_MS }),
      this.image.close(),
      this.#controlling,
    ]);
    unseen(this.#ended);
  }

  // ---- lives ------------------------------------------------------------------------------------------------------------

  /** Until it is over. */
  #run(): void {
    const { registration, image, client, options, duties } = this.#parts;
    for (const part of [registration.signal, image.signal]) {
      part.addEventListener("abort", () => {
        this.#close(part.reason as CorralError);
      });
    }
    void this.#follow();
    const { signal, id: broker } = this;
    const { paths } = image;
    const failed = (error: unknown, where: string): void => {
      if (!signal.aborted) this.#calls.failed(error, where);
    };
    const tell = (controller: BrokerAgent["controller"]): void => {
      this.#controller = controller;
      this.#calls.call("controllerChanged", (host) => host.controllerChanged?.(controller));
    };
    followController({ client, paths, tell, signal }).catch((error: unknown) => {
      failed(error, "following the controller");
    });
    if (options.canBeController === false) return;
    const all = { client, paths, broker, registration, image, duties, onError: failed, signal };
    this.#controlling = runController(all).catch((error: unknown) => {
      failed(error, "controller");
    });
  }

  /** The registration, from life to life. */
  async #follow(): Promise<void> {
    for await (const { epoch, cause } of this.#parts.registration.states(this.signal)) {
      if (epoch !== this.#tenure?.life.epoch) this.#endLife(cause ?? this.#gone());
      this.#beginLife();
    }
  }

  #beginLife(): void {
    const { registration } = this.#parts;
    const { epoch } = registration;
    if (epoch === undefined || epoch <= this.#latestEpoch || this.signal.aborted) return;
    if (this.image.broker(this.id)?.epoch !== epoch) return;
    this.#endLife(this.#gone());
    this.#latestEpoch = epoch;
    const tenure = new Tenure(this.#world, new Life(registration, epoch));
    this.#tenure = tenure;
    this.#roles.begin(tenure);
  }

  /** Everything led is led no more; then the host is told. */
  #endLife(why: CorralError): void {
    const tenure = this.#tenure;
    if (tenure === undefined) return;
    this.#tenure = undefined;
    tenure.end(why);
    this.#roles.end(why);
    this.#calls.call("lost", (host) => host.lost?.(why));
  }

  #gone(): CorralError {
    const { cause, path } = this.#parts.registration;
    const means = "this broker is not registered any more";
    return cause ?? new CorralError("GUARD_FAILED", { op: "broker", detail: { path }, outcome: "no", means });
  }

  // ---- transactions -----------------------------------------------------------------------------------------------------

  #apply(delta: Delta): void {
    this.#standings.apply(delta);
    const own = this.image.broker(this.id);
    if (own?.epoch !== this.#tenure?.life.epoch) this.#endLife(this.#gone());
    if (own?.status === "draining") this.#drainingSince ??= delta.zxid;
    for (const change of delta.configs) this.#tellConfig(change, delta.zxid);
    this.#beginLife();
    this.#tenure?.apply(delta);
    this.#roles.apply(delta);
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
      this.#close(error as CorralError);
    }
  }

  #tellConfigs(): void {
    for (const now of this.image.configs()) this.#tellConfig({ before: undefined, now }, this.image.zxid);
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
