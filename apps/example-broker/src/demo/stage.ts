/**
 * The cast, the observer and the view together: how a run begins and ends, and how waiting for something is measured.
 *
 * Owns the order of starting and stopping. Faults come from script.ts and chaos.ts.
 */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { checkHistory, type TraceEvent } from "@corral/consumer-group";
import { BrokerClient } from "../client/broker-client.ts";
import { readLines } from "../lines.ts";
import { BROKERS, Cast, type CastOptions, CONSUMERS, FOURTH, PARTITIONS, REPLICAS, TOPIC } from "./cast.ts";
import { Observer } from "./observer.ts";
import { View } from "./view.ts";

/** Nothing that the demo waits for takes longer; else something is wrong, and the demo says what it waited for. Milliseconds. */
const WAIT_MAX_MS = 60_000;
const LOOK_MS = 10;
const ALL = Array.from({ length: PARTITIONS }, (_, n) => n);

export class Stage {
  readonly cast: Cast;
  readonly observer: Observer;
  readonly view: View;
  readonly #signal: AbortSignal;
  /** All that was measured, for the end. */
  readonly #times: string[] = [];

  private constructor(cast: Cast, observer: Observer, view: View, signal: AbortSignal) {
    this.cast = cast;
    this.observer = observer;
    this.view = view;
    this.#signal = signal;
  }

  /** Resolves when messages flow from the producer to the sink, through all partitions. */
  static async begin(options: Omit<CastOptions, "onNews">, signal: AbortSignal): Promise<Stage> {
    const late: { view?: View } = {};
    const cast = await Cast.make({ ...options, onNews: (news) => late.view?.news(news) });
    await cast.startCorrald();
    const observer = await Observer.open(cast);
    const view = new View(observer);
    late.view = view;
    const stage = new Stage(cast, observer, view, signal);
    view.step(`corrald and ${BROKERS.length} brokers start; data in ${options.folder}`);
    await Promise.all(BROKERS.map((id) => cast.startBroker(id)));
    await observer.admin.createTopic({
      name: TOPIC,
      partitions: PARTITIONS,
      replicationFactor: REPLICAS,
      configs: { "min.insync.replicas": "2" },
    });
    view.step(`a producer of ${options.rate} messages/s, a sink, and ${CONSUMERS.length} consumers start`);
    await Promise.all([cast.startSink(), cast.startProducer(), ...CONSUMERS.map((name) => cast.startConsumer(name))]);
    await stage.measure("every partition is produced to and consumed", () => stage.flows());
    return stage;
  }

  /** Resolves when every one of these partitions (default: all) has had an effect that is not older than this call. */
  async flows(partitions: readonly number[] = ALL): Promise<void> {
    const mark = await this.observer.askSink();
    await this.until(`effects of partitions ${partitions.join(" ")}`, () => {
      const advanced = this.observer.advancedSince(mark);
      return partitions.every((n) => advanced.includes(n));
    });
  }

  /** Every partition has a leader that is registered, and it is not this one. */
  isLed(without?: number): boolean {
    const live = new Set(this.observer.brokers());
    const partitions = this.observer.partitions();
    const led = partitions.filter(({ leader }) => leader !== null && leader !== without && live.has(leader));
    return led.length === PARTITIONS;
  }

  isInSync(): boolean {
    const partitions = this.observer.partitions();
    return (
      partitions.length === PARTITIONS && partitions.every(({ isr, isMoving }) => isr.length === REPLICAS && !isMoving)
    );
  }

  /** Waits for something, and says how long that took, by default from now on. Milliseconds. */
  async measure(what: string, wait: () => Promise<void>, from: number = performance.now()): Promise<number> {
    await wait();
    const ms = performance.now() - from;
    const time = ms < 1_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1_000).toFixed(1)} s`;
    this.#times.push(`  ${time.padStart(8)}  ${what}`);
    this.view.result(`${what}: ${time}`);
    return ms;
  }

  /** The same of what can be looked at. */
  measureUntil(what: string, isSo: () => boolean, from?: number): Promise<number> {
    return this.measure(what, () => this.until(what, isSo), from);
  }

  async until(what: string, isSo: () => boolean): Promise<void> {
    const end = performance.now() + WAIT_MAX_MS;
    while (!isSo()) {
      if (performance.now() > end) throw new Error(`waited ${WAIT_MAX_MS / 1_000} s in vain: ${what}`);
      await this.pause(LOOK_MS);
    }
  }

  /** Rejects when the demo is to end. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#signal.aborted) return reject(this.#signal.reason as Error);
      const over = (): void => {
        clearTimeout(timer);
        reject(this.#signal.reason as Error);
      };
      const timer = setTimeout(() => {
        this.#signal.removeEventListener("abort", over);
        resolve();
      }, ms);
      this.#signal.addEventListener("abort", over, { once: true });
    });
  }

  /** Lets everything that was produced be consumed, ends everybody in order, and compares. Resolves with the exit code. */
  async finish(): Promise<number> {
    this.view.step("the producer ends; what it has sent is consumed");
    await this.cast.child("producer").end();
    await this.#drained();
    this.view.close();
    await Promise.all(CONSUMERS.map((name) => this.cast.child(`consumer-${name}`).end()));
    const brokers = [...BROKERS, FOURTH].filter((id) => this.cast.has(`broker-${id}`));
    await Promise.all(brokers.map((id) => this.cast.child(`broker-${id}`).end()));
    await this.cast.child("sink").end();
    await this.observer.close();
    await this.cast.child("corrald").end();
    console.log(`\nhow long things took\n${this.#times.join("\n")}`);
    const histories = this.#checkTraces();
    const code = await this.#check();
    return code === 0 && histories ? 0 : 1;
  }

  /** The sink has everything that is committed. */
  async #drained(): Promise<void> {
    const client = new BrokerClient(this.cast.brokerAddresses);
    try {
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        const { latest } = await client.atLeader("bounds", { topic: TOPIC, partition }, 0, this.#signal);
        const isThere = (): boolean => (this.observer.sink.positions.get(partition) ?? 0) >= latest;
        await this.until(`partition ${partition} is consumed up to offset ${latest}`, isThere);
      }
    } finally {
      client.close();
    }
  }

  #checkTraces(): boolean {
    const events = readdirSync(this.cast.traces).flatMap((name) => readLines<TraceEvent>(join(this.cast.traces, name)));
    const wrong = checkHistory(events);
    console.log(
      `\n${events.length} steps of the consumers checked, partition by partition: ${wrong.length} violations`,
    );
    for (const violation of wrong.slice(0, 10)) console.log(`  ${violation}`);
    return wrong.length === 0;
  }

  async #check(): Promise<number> {
    const checker = join(import.meta.dirname, "..", "bin", "checker.js");
    const { produced, effects } = this.cast.files;
    console.log("");
    const child = spawn(process.execPath, [checker, "--produced", produced, "--effects", effects], {
      stdio: "inherit",
    });
    return new Promise((resolve) => {
      child.once("close", (code) => {
        resolve(code ?? 1);
      });
    });
  }
}
