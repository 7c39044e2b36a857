/**
 * Who plays in the demo: one corrald, brokers, a producer, a sink, consumers, each a process of its own on loopback, all data in one folder.
 *
 * Owns how each is started and what it last said of itself. Never decides when something happens to whom.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Address } from "../wire/peer.ts";
import { Child, type Said } from "./children.ts";
import { freePorts } from "./ports.ts";

export const CLUSTER = "demo";
export const TOPIC = "orders";
const GROUP = "billing";
export const PARTITIONS = 12;
export const REPLICAS = 3;
export const BROKERS = [1, 2, 3] as const;
/** Comes later. */
export const FOURTH = 4;
export const CONSUMERS = ["a", "b", "c", "d"] as const;
export const BROKER_SESSION_MS = 4_000;
export const CONSUMER_SESSION_MS = 3_000;
/** What a consumer does with a message before its effect. */
const WORK_MS = 10;

const SOURCES = join(import.meta.dirname, "..");
const ROOT = join(SOURCES, "..", "..", "..");
const CORRALD = join(ROOT, "apps", "daemon", "dist", "main.js");
const END_WITH_PARENT = join(ROOT, "tooling", "dev", "end-with-parent.mjs");
/** A data directory of the default limits takes a quarter of a gigabyte. */
const SMALL_LOG = ["maxRecordBytes=2MiB", "segmentBytes=4MiB", "reserveBytes=0"].flatMap((it) => ["--limit", it]);

export interface CastOptions {
  readonly folder: string;
  readonly rate: number;
  readonly plant: string | undefined;
  readonly onNews: (news: string) => void;
  /** A process ended that nobody had struck. */
  readonly onUnexpected: (name: string, how: string) => void;
}

export interface ProducerStatus {
  readonly produced: number;
  readonly acknowledged: number;
}

export interface ConsumerStatus {
  readonly state: string;
  readonly memberEpoch: number;
  readonly isLeader: boolean;
  readonly held: readonly number[];
}

export class Cast {
  readonly corral: string;
  readonly brokerAddresses: readonly Address[];
  readonly sinkAddress: Address;
  readonly files: { readonly produced: string; readonly effects: string };
  readonly #options: CastOptions;
  readonly #children = new Map<string, Child>();
  readonly #consumerStatus = new Map<string, ConsumerStatus>();
  /** By broker: what it last said of a configuration. */
  readonly #greetings = new Map<number, string>();
  producerStatus: ProducerStatus = { produced: 0, acknowledged: 0 };

  private constructor(options: CastOptions, ports: readonly number[]) {
    const address = (n: number): Address => ({ host: "127.0.0.1", port: ports[n] as number });
    this.#options = options;
    this.corral = `ws://127.0.0.1:${ports[0]}`;
    this.sinkAddress = address(1);
    this.brokerAddresses = [...BROKERS, FOURTH].map((_, n) => address(2 + n));
    this.files = { produced: join(options.folder, "produced"), effects: join(options.folder, "effects") };
  }

  static async make(options: CastOptions): Promise<Cast> {
    mkdirSync(join(options.folder, "logs"));
    mkdirSync(join(options.folder, "traces"));
    return new Cast(options, await freePorts(BROKERS.length + 3));
  }

  get traces(): string {
    return join(this.#options.folder, "traces");
  }

  child(name: string): Child {
    const child = this.#children.get(name);
    if (child === undefined) throw new RangeError(`nobody is called ${name}`);
    return child;
  }

  /** Was it ever started? */
  has(name: string): boolean {
    return this.#children.has(name);
  }

  consumerStatus(name: string): ConsumerStatus | undefined {
    return this.#consumerStatus.get(name);
  }

  greetingAt(broker: number): string | undefined {
    return this.#greetings.get(broker);
  }

  startCorrald(): Promise<void> {
    const data = join(this.#options.folder, "corral");
    const flags = ["--listen", this.corral.slice("ws://".length), "--data", data, "--log-format", "json", ...SMALL_LOG];
    return this.#start("corrald", ["--import", END_WITH_PARENT, CORRALD, ...flags], {
      ready: ({ event }) => event.includes("try:"),
    });
  }

  startBroker(id: number): Promise<void> {
    const { host, port } = this.#brokerAddress(id);
    const data = join(this.#options.folder, `broker-${id}`);
    const flags = { id, data, listen: `${host}:${port}`, cluster: CLUSTER, "session-ms": BROKER_SESSION_MS };
    return this.#startOwn(`broker-${id}`, "broker", { corral: this.corral, ...flags }, (said) => {
      if (said.event === "config") {
        const values = said["values"] as Readonly<Record<string, string>>;
        const greeting = values["example.greeting"];
        if (greeting !== undefined) this.#greetings.set(id, greeting);
      } else if (said.event === "says") this.#options.onNews(`broker ${id}: ${String(said["what"])}`);
    });
  }

  startSink(): Promise<void> {
    const { plant } = this.#options;
    const flags = { listen: `127.0.0.1:${this.sinkAddress.port}`, file: this.files.effects };
    return this.#startOwn("sink", "sink", plant === undefined ? flags : { ...flags, plant });
  }

  startProducer(): Promise<void> {
    const { rate } = this.#options;
    const flags = { brokers: this.#bootstrap(), topic: TOPIC, partitions: PARTITIONS, rate, file: this.files.produced };
    return this.#startOwn("producer", "producer", flags, (said) => {
      if (said.event === "status") this.producerStatus = said as unknown as ProducerStatus;
    });
  }

  startConsumer(name: string): Promise<void> {
    const flags = {
      corral: this.corral,
      brokers: this.#bootstrap(),
      group: GROUP,
      topic: TOPIC,
      sink: `127.0.0.1:${this.sinkAddress.port}`,
      "session-ms": CONSUMER_SESSION_MS,
      name,
      "work-ms": WORK_MS,
      trace: join(this.traces, name),
    };
    this.#consumerStatus.delete(name);
    return this.#startOwn(`consumer-${name}`, "consumer", flags, (said) => {
      if (said.event === "status") this.#consumerStatus.set(name, said as unknown as ConsumerStatus);
    });
  }

  #start(
    name: string,
    args: readonly string[],
    how: { readonly ready: (said: Said) => boolean; readonly onSaid?: ((said: Said) => void) | undefined },
  ): Promise<void> {
    const onUnexpected = (why: string): void => {
      this.#options.onUnexpected(name, why);
    };
    const child = new Child({ name, args, onUnexpected, ...how }, join(this.#options.folder, "logs"));
    this.#children.set(name, child);
    return child.ready;
  }

  #startOwn(
    name: string,
    bin: string,
    flags: Readonly<Record<string, string | number>>,
    onSaid?: (said: Said) => void,
  ): Promise<void> {
    const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)]);
    return this.#start(name, [join(SOURCES, "bin", `${bin}.js`), ...args], {
      ready: ({ event }) => event === "ready",
      onSaid,
    });
  }

  #brokerAddress(id: number): Address {
    return this.brokerAddresses[id - 1] as Address;
  }

  #bootstrap(): string {
    return this.brokerAddresses.map(({ host, port }) => `${host}:${port}`).join(",");
  }
}
