/**
 * A broker: replicas on disk, a listener, and an agent that tells what part each replica has.
 *
 * Owns the order of starting and stopping. What the cluster decides comes through the agent, and is only passed on here.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  type BrokerAgent,
  type BrokerHost,
  type ConfigChange,
  type SettingSchema,
  startBroker,
} from "@corral/broker-agent";
import type { Client } from "@corral/client";
import { readCheckpoint, writeCheckpoint } from "../log/checkpoint.ts";
import type { SyncPolicy } from "../log/partition-log.ts";
import { Listener } from "../wire/listener.ts";
import type { BrokerRequests } from "../wire/messages.ts";
import type { Address } from "../wire/peer.ts";
import { Peers } from "../wire/peers.ts";
import type { FollowerWorld } from "./follow.ts";
import { Replicas } from "./replicas.ts";
import { Requests } from "./requests.ts";

/** How often high watermarks are saved, milliseconds. */
const CHECKPOINT_EVERY_MS = 5_000;

/** The broker's own setting, to show that changes reach every broker: it only prints it. */
const DEMO_SCHEMA: SettingSchema = {
  "example.greeting": { type: "string", default: "", scope: "cluster", doc: "Printed by every broker when it changes" },
};

export interface ExampleBrokerOptions {
  readonly cluster: string;
  readonly id: number;
  /** Folder of its logs. */
  readonly data: string;
  /** Port 0 takes a free one. */
  readonly listen: Address;
  readonly policy: SyncPolicy;
  readonly rack?: string | undefined;
  /** Told what happens, for people. */
  readonly say?: ((what: string) => void) | undefined;
  readonly onConfig?: ((change: ConfigChange) => void) | undefined;
}

export interface ExampleBroker extends AsyncDisposable {
  readonly address: Address;
  readonly agent: BrokerAgent;
  readonly replicas: Replicas;
  /** Gives its leaderships away first, then stops. */
  shutdown(): Promise<void>;
}

/** Resolves when the broker is registered and serves. The client's session is the broker's: it is not closed here. */
export async function startExampleBroker(client: Client, options: ExampleBrokerOptions): Promise<ExampleBroker> {
  const say = options.say ?? (() => {});
  let agent: BrokerAgent | undefined;
  const report = (failed: readonly string[]): void => {
    agent?.setFailedReplicas(failed).catch((error: unknown) => {
      say(`could not report failed replicas: ${String(error)}`);
    });
  };
  // A broker that was in a cluster before must not drop its data because it was led to another one.
  const membership = join(options.data, "cluster");
  mkdirSync(options.data, { recursive: true });
  const clusterId = readCheckpoint(membership) as string | undefined;
  const replicas = new Replicas({
    folder: join(options.data, "replicas"),
    policy: options.policy,
    say,
    onFailed: report,
  });
  const requests = new Requests(replicas);
  const listener = await Listener.open(options.listen, requests.handle, (error) => {
    say(`a request failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  });
  const peers = new Peers<BrokerRequests>();
  const world: FollowerWorld = { broker: options.id, peers, brokerEpoch: () => agent?.epoch };
  try {
    agent = await startBroker(client, {
      cluster: options.cluster,
      id: options.id,
      endpoints: [{ name: "clients", ...listener.address }],
      rack: options.rack,
      onDuplicate: "wait",
      schema: DEMO_SCHEMA,
      ...(clusterId === undefined ? {} : { clusterId, onDisk: replicas.onDisk }),
      host: hostOf(replicas, world, say, options),
    });
  } catch (error) {
    await listener.close();
    await replicas.close();
    throw error;
  }
  if (clusterId === undefined) writeCheckpoint(membership, agent.clusterId);
  requests.begin(agent);
  if (replicas.failed.length > 0) report(replicas.failed);
  const checkpoints = setInterval(() => {
    for (const replica of replicas.all()) replica.checkpoint();
  }, CHECKPOINT_EVERY_MS);

  let stopped: Promise<void> | undefined;
  const stop = async (drain: boolean): Promise<void> => {
    await agent.shutdown({ drain });
    clearInterval(checkpoints);
    peers.close();
    await listener.close();
    await replicas.close();
  };
  return {
    address: listener.address,
    agent,
    replicas,
    shutdown: () => (stopped ??= stop(true)),
    [Symbol.asyncDispose]: () => (stopped ??= stop(false)),
  };
}

function hostOf(
  replicas: Replicas,
  world: FollowerWorld,
  say: (what: string) => void,
  { onConfig }: ExampleBrokerOptions,
): BrokerHost {
  return {
    lead(part) {
      replicas.get(part.id)?.lead(part);
    },
    follow(part) {
      replicas.get(part.id)?.follow(part, world);
    },
    stop(id, { deleteData }) {
      replicas.drop(id, deleteData).catch((error: unknown) => {
        say(`could not drop ${id.topic}/${id.partition}: ${String(error)}`);
      });
    },
    configChanged: (change) => onConfig?.(change),
    controllerChanged(controller) {
      if (controller?.isMe === true) say(`is controller, epoch ${controller.epoch}`);
    },
    doubt() {
      say("has not heard of Corral for a while: acknowledges nothing");
    },
    lost(why) {
      say(`its session is over: ${why.message}`);
    },
    onError(error, where) {
      say(`${where}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    },
  };
}
