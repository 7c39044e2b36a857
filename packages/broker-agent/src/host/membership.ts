/**
 * A broker's lives, one after the other, and what it is to partitions in each.
 *
 * A life begins when the registration says so and the image has it: everything from before it is then known. It ends when the registration says
 * so, the image shows another one or none, or the server refuses a write under it, whichever is first.
 */
import { type Client, CorralError } from "@corral/client";
import type { Registration } from "@corral/recipes";
import type { ClusterImage } from "../image/cluster-image.ts";
import type { Delta } from "../image/views.ts";
import type { BrokerRecord } from "../records.ts";
import type { PartitionId } from "./api.ts";
import type { HostCalls } from "./host-calls.ts";
import { Life } from "./life.ts";
import { Roles } from "./roles.ts";
import { Standings } from "./standings.ts";
import { Tenure, type TenureWorld } from "./tenure.ts";

export interface MembershipWorld {
  readonly broker: number;
  readonly client: Client;
  readonly image: ClusterImage;
  readonly registration: Registration<BrokerRecord>;
  readonly calls: HostCalls;
  readonly onDisk: readonly PartitionId[];
}

export class Membership {
  readonly roles: Roles;
  readonly #world: MembershipWorld;
  readonly #ofTenures: TenureWorld;
  readonly #standings: Standings;
  #tenure: Tenure | undefined;
  /** The epoch of the latest life: each begins once. */
  #latestEpoch = 0;
  #isOver = false;

  constructor(world: MembershipWorld) {
    const { broker, client, image, calls, onDisk } = world;
    this.#world = world;
    const standings = new Standings(image);
    this.#standings = standings;
    this.roles = new Roles({ broker, image, calls }, onDisk);
    this.#ofTenures = {
      broker,
      client,
      image,
      calls,
      standings,
      led: () => this.roles.led(),
      over: (life, why) => {
        if (this.life === life) this.#end(why);
      },
    };
  }

  /** The present one. */
  get life(): Life | undefined {
    return this.#tenure?.life;
  }

  /** From life to life. Resolves when the registration is over, or the signal aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    for await (const { epoch, cause } of this.#world.registration.states(signal)) {
      if (epoch !== this.life?.epoch) this.#end(cause ?? this.#gone());
      this.#begin();
    }
  }

  /** What this transaction makes of it. */
  apply(delta: Delta): void {
    this.#standings.apply(delta);
    const { image, broker } = this.#world;
    if (image.broker(broker)?.epoch !== this.life?.epoch) this.#end(this.#gone());
    this.#begin();
    this.#tenure?.apply(delta);
    this.roles.apply(delta);
  }

  /** For good. `isLost`: not by the broker's own act. */
  close(why: CorralError, isLost: boolean): void {
    this.#isOver = true;
    if (isLost) this.#end(why);
    this.#tenure?.end(why);
    this.#tenure = undefined;
    this.roles.leave(why);
  }

  #begin(): void {
    const { registration, image, broker } = this.#world;
    const { epoch } = registration;
    if (this.#isOver || epoch === undefined || epoch <= this.#latestEpoch) return;
    if (image.broker(broker)?.epoch !== epoch) return;
    this.#end(this.#gone());
    this.#latestEpoch = epoch;
    const tenure = new Tenure(this.#ofTenures, new Life(registration, epoch));
    this.#tenure = tenure;
    this.roles.begin(tenure);
  }

  /** Everything led is led no more; then the host is told. */
  #end(why: CorralError): void {
    const tenure = this.#tenure;
    if (tenure === undefined) return;
    this.#tenure = undefined;
    tenure.end(why);
    this.roles.end(why);
    this.#world.calls.call("lost", (host) => host.lost?.(why));
  }

  #gone(): CorralError {
    const { cause, path } = this.#world.registration;
    const means = "this broker is not registered any more";
    return cause ?? new CorralError("GUARD_FAILED", { op: "broker", detail: { path }, outcome: "no", means });
  }
}
