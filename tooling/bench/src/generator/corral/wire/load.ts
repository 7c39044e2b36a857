/** The closed loop on the wire: each place of each connection asks again when it is answered, until the time is over. */
import type { LoadJob, Mark } from "../../job.ts";
import { Meter } from "../meter.ts";
import { Keys, MULTI_PATHS, ROOT, VALUE } from "../tree.ts";
import { type Operation, createBody, operationOf } from "./bodies.ts";
import { type Answerer, type Connection, refused } from "./connection.ts";
import { Fleet } from "./fleet.ts";

/** For what is under way when the time is over. */
const DRAIN_MS_MAX = 10_000;

export async function load(url: string, isBatched: boolean, job: LoadJob, say: (mark: Mark) => void): Promise<void> {
  const operation = operationOf(job.workload, new Keys(job.keys));
  const fleet = await Fleet.open({ url, count: job.connections, isBatched });
  try {
    await fleet.trouble.orDone(makeTree(fleet.connections[0]!, job));
    const loop = new Loop(fleet, operation, new Meter(job, say), job);
    await fleet.trouble.orDone(loop.drained).finally(() => loop.stop());
    await fleet.close();
  } finally {
    fleet.destroy();
  }
}

async function makeTree(connection: Connection, { workload, keys }: LoadJob): Promise<void> {
  await connection.must(createBody(ROOT, VALUE), "NODE_EXISTS");
  if (workload !== "multi" || keys > 0) return;
  for (const path of MULTI_PATHS) await connection.must(createBody(path, VALUE), "NODE_EXISTS");
}

class Loop {
  readonly drained: Promise<void>;
  readonly #fleet: Fleet;
  readonly #meter: Meter;
  readonly #deadline: NodeJS.Timeout;
  #underWay: number;
  #allEnded!: () => void;

  constructor(fleet: Fleet, operation: Operation, meter: Meter, job: LoadJob) {
    this.#fleet = fleet;
    this.#meter = meter;
    this.#underWay = job.connections * job.inFlight;
    this.drained = new Promise((resolve) => {
      this.#allEnded = resolve;
    });
    this.#deadline = setTimeout(
      () => this.failed(new Error(`${this.#underWay} operations were never answered`)),
      job.warmUpMs + job.measureMs + DRAIN_MS_MAX,
    );
    let place = 0;
    for (const connection of fleet.connections) {
      for (let i = 0; i < job.inFlight; i++) new Place(this, meter, operation, connection, place++).start();
      connection.flush();
    }
  }

  placeEnded(): void {
    if (--this.#underWay === 0) this.#allEnded();
  }

  failed(why: Error): void {
    this.#fleet.trouble.raise(why);
  }

  stop(): void {
    clearTimeout(this.#deadline);
    this.#meter.stop();
  }
}

/** One of the operations under way, and then the next one. */
class Place implements Answerer {
  readonly #loop: Loop;
  readonly #meter: Meter;
  readonly #operation: Operation;
  readonly #connection: Connection;
  readonly #number: number;
  #step = 0;
  #startedAt = 0;

  constructor(loop: Loop, meter: Meter, operation: Operation, connection: Connection, number: number) {
    this.#loop = loop;
    this.#meter = meter;
    this.#operation = operation;
    this.#connection = connection;
    this.#number = number;
  }

  start(): void {
    this.#startedAt = performance.now();
    this.#ask(0);
  }

  answered(code: number, now: number): void {
    const { steps, body } = this.#operation;
    if (code !== 0) {
      this.#meter.stop();
      return this.#loop.failed(refused(body(this.#number, this.#step), code));
    }
    if (this.#step + 1 < steps) return this.#ask(this.#step + 1);
    this.#meter.ended(this.#startedAt, now);
    if (this.#meter.isOver) return this.#loop.placeEnded();
    this.#startedAt = now;
    this.#ask(0);
  }

  #ask(step: number): void {
    this.#step = step;
    this.#connection.request(this.#operation.body(this.#number, step), this);
  }
}
