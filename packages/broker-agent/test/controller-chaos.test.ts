/** A cluster in which brokers, sessions, leaders and the server do as a seed decides; what must be true of every change, and in the end. */
import { type Guard, isCorralError } from "@corral/client";
import { between, type Draw, drawFrom, oneOf } from "@corral/testing/world";
import { expect, test } from "vitest";
import type { MakeDuty, PartitionChange, Term } from "../src/controller/duty.ts";
import { drain } from "../src/controller/duties/drain.ts";
import { elections } from "../src/controller/duties/elections.ts";
import { preferred } from "../src/controller/duties/preferred.ts";
import { reassignments } from "../src/controller/duties/reassignments.ts";
import { rebalance } from "../src/controller/duties/rebalance.ts";
import type { PartitionState } from "../src/partition/state.ts";
import { type BrokerStatus, partitionCodec } from "../src/records.ts";
import { startCluster, type TestCluster, TIMEOUT_MS } from "./cluster.ts";
import { stand } from "./controllers.ts";
import { History } from "./history.ts";
import { quiet } from "./replicas.ts";

const BROKERS = 5;
const PARTITIONS = 12;
const STEPS = 60;
const SEEDS = Number(process.env["CONTROLLER_CHAOS_SEEDS"] ?? 4);

/** What nobody waits for: it may come to nothing. */
function attempt(doing: Promise<unknown>): void {
  doing.catch((error: unknown) => {
    if (!isCorralError(error)) throw error;
  });
}

class Chaos {
  readonly #cluster: TestCluster;
  readonly #topicId: string;
  readonly #draw: Draw;
  readonly #duties: readonly MakeDuty[];
  readonly #history: History;
  readonly #dead = new Set<number>();

  constructor(cluster: TestCluster, topicId: string, seed: number, duties: readonly MakeDuty[], history: History) {
    this.#history = history;
    this.#cluster = cluster;
    this.#topicId = topicId;
    this.#draw = drawFrom(seed, "chaos");
    this.#duties = duties;
  }

  async run(): Promise<void> {
    for (let step = 0; step < STEPS; step += 1) {
      await oneOf(this.#draw, this.#acts)();
      await this.#cluster.settle(oneOf(this.#draw, [0, 3, 10, 200, 200, TIMEOUT_MS]));
    }
    // Whatever stood still goes on; who is dead is dead.
    await this.#cluster.settle(5 * TIMEOUT_MS);
    this.#history.checkRest();
    for (const id of [...this.#dead]) await this.#revive(id);
    await this.#cluster.settle(5 * TIMEOUT_MS);
    for (const { id, status } of this.#cluster.brokerRecords()) {
      if (status !== "active") await this.#cluster.change(id, { status: "active" });
    }
    await quiet(this.#cluster, TIMEOUT_MS);
    this.#history.checkRest();
  }

  readonly #acts: readonly (() => Promise<void> | void)[] = [
    () => this.#kill(),
    () => this.#kill(),
    () => this.#revive(oneOf(this.#draw, [...this.#dead, 0])),
    () => this.#revive(oneOf(this.#draw, [...this.#dead, 0])),
    // Back at once, with another epoch.
    () => this.#cluster.server.faults.expire(this.#alive().client).catch(() => undefined),
    () => this.#cluster.server.faults.expire(this.#alive().client).catch(() => undefined),
    () => this.#cluster.server.faults.cut(this.#alive().client),
    () => this.#cluster.server.faults.stallClient(this.#alive().client, between(this.#draw, 10, 2 * TIMEOUT_MS)),
    () => void this.#cluster.server.faults.dropReply({ op: "multiEach" }),
    () => void this.#cluster.server.faults.dropRequest({ op: "multiEach" }),
    () => this.#cluster.server.faults.restart({ crash: this.#draw() < 0.5 }),
    () => this.#changeStatus(),
    () => this.#changeStatus(),
    () => this.#lead(),
    () => this.#lead(),
    () => this.#lead(),
    () => this.#lead(),
  ];

  #alive() {
    return oneOf(
      this.#draw,
      this.#cluster.brokers.filter(({ id }) => !this.#dead.has(id)),
    );
  }

  async #kill(): Promise<void> {
    if (this.#dead.size > 2) return;
    const { id, client } = this.#alive();
    if (client.session === undefined || !client.session.isValid) return;
    this.#dead.add(id);
    await this.#cluster.kill(id).catch(() => undefined);
  }

  async #revive(id: number): Promise<void> {
    if (!this.#dead.delete(id)) return;
    // Its session may not be over yet where the server was told nothing.
    await this.#cluster.settle(2 * TIMEOUT_MS);
    await this.#cluster.start(id);
    await stand(this.#cluster, id, this.#duties);
  }

  #changeStatus(): void {
    const { id } = this.#alive();
    const status = oneOf<BrokerStatus>(this.#draw, ["active", "active", "draining", "fenced"]);
    if (this.#cluster.brokerRecord(id) !== undefined) attempt(this.#cluster.change(id, { status }));
  }

  /** Leaders take replicas in, and put them out. */
  #lead(): void {
    const records = new Map(this.#cluster.brokerRecords().map((record) => [record.id, record]));
    const registered = new Map(this.#cluster.server.dump().map(({ path, czxid }) => [path, czxid]));
    const guardOf = (id: number): Guard & { readonly czxid: number } => {
      const path = this.#cluster.paths.broker(id);
      return { path, czxid: registered.get(path) ?? 0 };
    };
    for (const [partition, { state, version, mzxid }] of this.#cluster.storedAll(this.#topicId)) {
      const { leader } = state;
      if (leader === null || this.#draw() < 0.5) continue;
      // A leader leads by a state of its present life, and keeps nobody in sync who was so in another one.
      const isSameLife = (id: number): boolean => guardOf(id).czxid > 0 && guardOf(id).czxid < mzxid;
      if (!isSameLife(leader)) continue;
      const mayBe = (id: number): boolean =>
        records.get(id)?.status === "active" && (!state.isr.includes(id) || isSameLife(id));
      const isr = state.replicas.filter((id) => id === leader || (mayBe(id) && this.#draw() < 0.7));
      const next: PartitionState = { ...state, isr };
      const path = this.#cluster.paths.partition(this.#topicId, partition);
      const guards = isr.map(guardOf);
      attempt(this.#cluster.client.set(path, next, { codec: partitionCodec, ifMatch: { version }, guard: guards }));
    }
  }
}

async function chaosOf(seed: number, duties: readonly MakeDuty[], policy = false): Promise<History> {
  await using cluster = await startCluster({ seed, brokers: BROKERS, log: seed % 3 === 0 ? "file" : "memory" });
  const replicas = Array.from({ length: PARTITIONS }, (_, at) => [0, 1, 2].map((i) => 1 + ((at + i) % BROKERS)));
  const id = await cluster.topic("orders", { replicas });
  await cluster.configureAll({
    "leader.imbalance.check.interval.seconds": "10",
    "auto.partition.rebalance.enable": String(policy),
    "auto.partition.rebalance.moves.max": "2",
  });
  const history = new History(cluster.paths);
  const watcher = await cluster.server.connect();
  const following = history.follow(watcher);
  for (const broker of cluster.brokers) await stand(cluster, broker.id, duties);
  await new Chaos(cluster, id, seed, duties, history).run();
  await watcher.close();
  await following;
  return history;
}

const DUTIES = [elections, drain, reassignments, rebalance, preferred];

test.each(Array.from({ length: SEEDS }, (_, at) => at + 1))(
  "in chaos of seed %i epochs never fall, each has one leader that was in sync and is there, and in the end all are led",
  async (seed) => {
    const history = await chaosOf(seed, DUTIES, seed % 2 === 0);
    expect(history.wrong).toEqual([]);
    expect(history.elections).toBeGreaterThan(20);
  },
);

/** A duty with a mistake in what it writes. */
function mistaken(make: MakeDuty, mistake: (change: PartitionChange, term: Term) => PartitionState): MakeDuty {
  return (term) => {
    const own = make(term);
    return {
      name: own.name,
      get againInMs() {
        return own.againInMs;
      },
      begin: () => own.begin(),
      notice: (delta) => own.notice(delta),
      refused: (changes, together) => own.refused(changes, together),
      next() {
        const step = own.next();
        const partitions = step?.partitions?.map((change) => ({ before: change.before, state: mistake(change, term) }));
        return step === undefined ? undefined : { ...step, partitions };
      },
    };
  };
}

test.each<[mistake: string, duties: readonly MakeDuty[], noticed: RegExp]>([
  [
    "an election leaves the epoch as it is",
    [mistaken(elections, ({ before, state }) => ({ ...state, leaderEpoch: before.state.leaderEpoch }))],
    /in this epoch .* has led|has led in this epoch before/,
  ],
  [
    "somebody leads who was not in sync",
    [
      mistaken(elections, ({ state }, { image }) => {
        const stranger = state.replicas.find(
          (one) => !state.isr.includes(one) && image.broker(one)?.status === "active",
        );
        return stranger === undefined ? state : { ...state, leader: stranger, isr: [...state.isr, stranger] };
      }),
    ],
    /in sync were only|was not in sync before/,
  ],
  ["nobody elects when a broker has died", [drain], /nobody leads|the leader is not there|in sync is who/],
  ["who wants to leave is not let go", [elections], /the leader wants to leave/],
])("the checker notices that %s", async (_mistake, duties, noticed) => {
  let wrong = "";
  for (let seed = 1; seed <= SEEDS && !noticed.test(wrong); seed += 1) {
    wrong = (await chaosOf(seed, duties)).wrong.join("\n");
  }
  expect(wrong).toMatch(noticed);
});
