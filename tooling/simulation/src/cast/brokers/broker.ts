/**
 * A broker as a program: its disk, that outlives it, and its lives. In each it starts with what its disk has, and goes on until it is killed
 * or the world ends; what it does beside that, steps decide, each by draws of its own.
 */
import { type BrokerAgent, startBroker } from "@corral/broker-agent";
import { type Client, CorralError, open } from "@corral/client";
import { NIL } from "@corral/state-machine";
import { between, drawFrom } from "@corral/testing/world";
import { textOfImage } from "../../check/brokers/image.ts";
import type { Life, Program } from "../cast.ts";
import { CLUSTER_ID, PATHS } from "./beginning.ts";
import { Disk } from "./disk.ts";
import { ReplicaHost } from "./host.ts";
import { plantedClient } from "./planted.ts";
import { stumbling } from "./stumbling.ts";
import { CLUSTER, type Surroundings } from "./surroundings.ts";
import { type Endpoint, stepOf, type Stepping } from "./steps.ts";

/** Between two steps, milliseconds at most. */
const STEP_MS = 250;
/** After a start that failed, or an end that nobody wanted. */
const AGAIN_MS = 400;
/** Of the images shown, so many are compared. */
const IMAGES = 0.15;
const LEAVE_MS = 5_000;

export class Broker implements Program {
  readonly name: string;
  readonly id: number;
  readonly disk: Disk = new Disk();
  readonly #around: Surroundings;
  /** The present one. */
  life: BrokerLife | undefined;

  constructor(id: number, around: Surroundings) {
    this.id = id;
    this.name = `b${id}`;
    this.#around = around;
  }

  begin(life: Life): void {
    const { around, before } = { around: this.#around, before: this.life };
    if (before !== undefined) this.#died(before, life);
    this.life = new BrokerLife(this, life, around);
  }

  /** It was killed a while ago: what its disk had not synced may be gone. */
  #died(before: BrokerLife, { draw }: Life): void {
    const { sometimes, notes, plan } = this.#around;
    const { agent, led } = before.host;
    if (led.size > 0) sometimes("a leader was killed");
    if (agent?.controller?.isMe === true) sometimes("the controller was killed");
    for (const { key, records } of plan.isLossy ? this.disk.die(draw) : []) {
      if (records > 0) sometimes("a disk lost what had not been synced");
      notes.push({ kind: "loses", key, broker: this.id, records });
    }
  }
}

export class BrokerLife implements Stepping {
  readonly id: number;
  readonly name: string;
  readonly client: Client;
  readonly around: Surroundings;
  host: ReplicaHost;
  endpoint: Endpoint;
  readonly #broker: Broker;
  readonly #life: Life;
  readonly #agentClient: Client;
  readonly #over = new AbortController();
  #starts = 0;
  #steps = 0;
  /** It is leaving of its own will: nobody is to start it again meanwhile. */
  #isLeaving = false;
  /** What it is doing, beside leading and following. */
  busy = 0;

  constructor(broker: Broker, life: Life, around: Surroundings) {
    this.id = broker.id;
    this.name = life.name;
    this.around = around;
    this.#broker = broker;
    this.#life = life;
    this.endpoint = { name: "replication", host: `host-${broker.id}`, port: 9_000 + life.number };
    this.client = open(life.options);
    this.#agentClient = plantedClient(stumbling(this.client, life, around), around.mistake);
    this.host = this.#newHost();
    void this.#start();
    this.#step();
  }

  get agent(): BrokerAgent | undefined {
    return this.host.agent;
  }

  get isOver(): boolean {
    return this.#over.signal.aborted;
  }

  after(ms: number, act: () => void): void {
    this.#life.process.after(ms, "timer", () => {
      if (!this.isOver) act();
    });
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  #newHost(): ReplicaHost {
    const host = new ReplicaHost({
      broker: this.id,
      name: `${this.name}.${++this.#starts}`,
      process: this.#life.process,
      disk: this.#broker.disk,
      around: this.around,
    });
    this.around.hosts.set(this.id, host);
    return host;
  }

  // ---- its place in the cluster ------------------------------------------------------------------------------------------

  async #start(): Promise<void> {
    const { host, around } = this;
    const draw = drawFrom(around.stage.plan.seed, `${host.name} start`);
    const isFenced = draw() < 0.2;
    const waits = draw() < 0.7;
    const wasThere = this.#standsInTree();
    try {
      const agent = await startBroker(this.#agentClient, {
        cluster: CLUSTER,
        id: this.id,
        endpoints: [this.endpoint],
        startAs: isFenced ? "fenced" : "active",
        onDuplicate: waits ? "wait" : "error",
        host,
        signal: this.#over.signal,
        clusterId: CLUSTER_ID,
        onDisk: Array.from(this.#broker.disk.logs.values(), ({ id }) => id),
      });
      host.agent = agent;
      around.stage.note(`${host.name} is broker ${this.id} in epoch ${agent.epoch}`);
      if (wasThere) around.sometimes("a broker was back before its session had ended");
      this.#observe(host, agent, draw);
      if (isFenced) void this.#activate(agent, between(draw, 0, 1_500));
    } catch (error) {
      host.end();
      this.#failed("start", error);
      if (error instanceof CorralError && error.code === "NODE_EXISTS")
        around.sometimes("a broker was refused the id of its earlier life");
      if (!this.isOver) this.after(AGAIN_MS, () => this.#startAnew());
    }
  }

  #startAnew(): void {
    this.host = this.#newHost();
    void this.#start();
  }

  #standsInTree(): boolean {
    try {
      const { tree } = this.around.stage.state();
      return tree.find(PATHS.broker(this.id)) !== NIL;
    } catch {
      return false;
    }
  }

  #observe(host: ReplicaHost, agent: BrokerAgent, draw: () => number): void {
    const { notes } = this.around;
    const show = (zxid: number): void => {
      notes.push({ kind: "image", who: host.name, zxid, text: textOfImage(agent.image) });
    };
    show(agent.image.zxid);
    agent.image.on(({ zxid }) => {
      if (draw() < IMAGES) show(zxid);
    });
    agent.signal.addEventListener("abort", () => {
      host.end();
      this.around.stage.note(`${host.name} is no broker any more: ${String(agent.signal.reason)}`);
      if (!this.isOver && !this.#isLeaving) this.after(AGAIN_MS, () => this.#startAnew());
    });
  }

  async #activate(agent: BrokerAgent, afterMs: number): Promise<void> {
    await this.pause(afterMs);
    await this.attempt("activate", async () => {
      await agent.activate();
      this.around.sometimes("a fenced broker was activated");
    });
    // Whatever was against it passes.
    if (!this.isOver && !agent.signal.aborted && agent.status === "fenced") void this.#activate(agent, AGAIN_MS);
  }

  async leaveForAWhile(drain: boolean, awayMs: number): Promise<void> {
    const { agent, host, around } = this;
    if (agent === undefined || this.#isLeaving) return;
    this.#isLeaving = true;
    await this.attempt("shutdown", async () => {
      const { stillLed } = await agent.shutdown({ drain, timeoutMs: LEAVE_MS });
      if (!drain) return;
      if (stillLed === 0) around.sometimes("a broker left in order, and led nothing any more");
      else around.sometimes("a broker left in order, and still led something");
    });
    host.end();
    await this.pause(awayMs);
    this.#isLeaving = false;
    if (!this.isOver) this.#startAnew();
  }

  // ---- its steps ---------------------------------------------------------------------------------------------------------

  #step(): void {
    const name = `${this.name} broker ${++this.#steps}`;
    const { stage } = this.around;
    const draw = drawFrom(stage.plan.seed, name);
    this.after(1 + draw() * STEP_MS, () => {
      if (this.around.isCalm) return;
      if (stage.mayAct(name)) stepOf(this, draw);
      this.#step();
    });
  }

  async attempt(what: string, act: () => Promise<void>): Promise<void> {
    this.busy++;
    try {
      await act();
    } catch (error) {
      this.#failed(what, error);
    } finally {
      this.busy--;
    }
  }

  #failed(what: string, error: unknown): void {
    const { stage } = this.around;
    stage.note(`${this.name} ${what}: ${String(error)}`);
    if (!(error instanceof CorralError))
      stage.violate("brokers", `${this.name}: ${what} failed with ${String((error as Error)?.stack ?? error)}`);
  }

  async leave(drain: boolean): Promise<void> {
    const { agent } = this;
    this.#isLeaving = true;
    if (agent !== undefined)
      await this.attempt("shutdown", async () => void (await agent.shutdown({ drain, timeoutMs: LEAVE_MS })));
    this.host.end();
    this.#over.abort(new CorralError("CLOSED", { op: "broker", outcome: "no" }));
    await this.client.close();
  }
}
