/**
 * Where the instances of services are, told by themselves, and which one to ask next. Curator's ServiceDiscovery, ServiceProvider and
 * ServiceCache.
 *
 * `base/service/id` is a znode for each instance. Knows nothing of what is said to an instance: whoever asks it reports how that went.
 */
import { type CallOptions, type Client, type Codec, isCorralError } from "@corral/client";
import { type Consumer, type ConsumeOptions, ServiceConsumer } from "./discovery/consumer.ts";
import { describedBy, type Described, type InstanceLifetime } from "./discovery/instance.ts";
import { putStatic, StaticInstance } from "./discovery/static-instance.ts";
import { Children } from "./group/children.ts";
import { checkName, type JoinOptions } from "./group.ts";
import { patient } from "./hold/acquire.ts";
import { childOf } from "./hold/place.ts";
import { encoded } from "./registration/value.ts";
import { register, type Registration } from "./registration.ts";

export type { Consumer, ConsumeOptions, Picked } from "./discovery/consumer.ts";
export type { Described, Instance, InstanceLifetime } from "./discovery/instance.ts";
export type { Strategy } from "./discovery/strategy.ts";

/** Instances of a service, unless told otherwise. */
const INSTANCES_MAX = 10_000;

export interface DiscoveryOptions<T> {
  /** Of `meta`. */
  readonly codec: Codec<T>;
  /** Of one service; more are `LIMIT_EXCEEDED`, and its consumers end. Default 10,000. */
  readonly instancesMax?: number | undefined;
}

export interface ProvidedInstance<T> extends Described<T> {
  readonly id: string;
  /** Default `dynamic`. */
  readonly lifetime?: InstanceLifetime | undefined;
}

export interface Discovery<T> {
  readonly base: string;
  /**
   * `dynamic`: a registration, there again after each loss of the session until it is disposed of. `static`: a znode that stays also when
   * this registration is disposed of, until `unregister()`; an equal one that is there is the same one.
   */
  provide(service: string, instance: ProvidedInstance<T>, options?: JoinOptions): Promise<Registration<Described<T>>>;
  /** Resolves when the instances are known, of which there may be none. */
  consume(service: string, options?: ConsumeOptions<T>): Promise<Consumer<T>>;
  /** The names of all services, also of those that have had no instance for a short while. */
  services(options?: CallOptions): Promise<string[]>;
}

export function discovery<T>(client: Client, base: string, options: DiscoveryOptions<T>): Discovery<T> {
  const { instancesMax = INSTANCES_MAX } = options;
  const codec = describedBy(options.codec);
  const at = (op: string, service: string): string => childOf(base, checkName(op, base, "service", service));
  return {
    base,
    provide: async (service, { id, address, meta, lifetime = "dynamic" }, how = {}) => {
      const op = "discovery.provide";
      const path = childOf(at(op, service), checkName(op, base, "id", id));
      const described = { address, meta };
      if (lifetime === "dynamic") return register(client, path, described, { ...how, codec, parents: true });
      const { onConflict = "error", acl } = how;
      const site = { path, lifetime: "persistent", sequential: false, parents: true, acl, onConflict } as const;
      const deadline = onConflict === "wait" ? patient(client, op, how) : client.deadline(op, how);
      const czxid = await putStatic(client, site, encoded(codec, described, path, op), deadline);
      return new StaticInstance(client, path, czxid, codec);
    },
    consume: async (service, how = {}) => {
      const op = "discovery.consume";
      const children = new Children(client, at(op, service), { op, codec, max: instancesMax, counts: () => true });
      try {
        await children.ready(how);
      } catch (error) {
        children.close();
        throw error;
      }
      return new ServiceConsumer(client, service, children, how);
    },
    services: async (how) => {
      try {
        return (await client.children(base, how)).sort();
      } catch (error) {
        if (isCorralError(error, "NO_NODE")) return [];
        throw error;
      }
    },
  };
}
