/** Who administers the cluster: makes, grows and deletes topics, moves replicas and leaders, changes settings; by one client, again in each life. */
import { type ClusterAdmin, clusterAdmin, type ConfigAlteration, isAdminError } from "@corral/broker-agent";
import { type Client, CorralError, open } from "@corral/client";
import { between, type Draw, drawFrom, oneOf } from "@corral/testing/world";
import type { Life, Program } from "../cast.ts";
import { CLUSTER, type Surroundings } from "./surroundings.ts";

/** Between two steps, milliseconds at most. */
const STEP_MS = 1_200;
const AGAIN_MS = 400;
/** Requests under way at once. */
const PENDING_MAX = 4;
/** Topics beside those of the beginning. */
const EXTRA_TOPICS: readonly string[] = ["extra.one", "extra.two"];
const PARTITIONS_MAX = 4;
const REPLICAS = 3;

export class Administrator implements Program {
  readonly name = "admin";
  life: AdministratorLife | undefined;
  readonly #around: Surroundings;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  begin(life: Life): void {
    this.life = new AdministratorLife(life, this.#around);
  }
}

export class AdministratorLife {
  readonly client: Client;
  readonly #life: Life;
  readonly #around: Surroundings;
  readonly #over = new AbortController();
  #admin: ClusterAdmin | undefined;
  #steps = 0;
  pending = 0;

  constructor(life: Life, around: Surroundings) {
    this.#life = life;
    this.#around = around;
    this.client = open(life.options);
    void this.#begin();
    this.#step();
  }

  async #begin(): Promise<void> {
    try {
      const admin = await clusterAdmin(this.client, {
        cluster: CLUSTER,
        by: this.#life.name,
        signal: this.#over.signal,
      });
      this.#admin = admin;
      admin.image.signal.addEventListener("abort", () => this.#beginAgain());
    } catch (error) {
      this.#failed("opening", error);
      this.#beginAgain();
    }
  }

  #beginAgain(): void {
    this.#admin = undefined;
    if (!this.#over.signal.aborted) this.#life.process.after(AGAIN_MS, "timer", () => void this.#begin());
  }

  #step(): void {
    const name = `${this.#life.name} broker ${++this.#steps}`;
    const { stage } = this.#around;
    const draw = drawFrom(stage.plan.seed, name);
    this.#life.process.after(1 + draw() * STEP_MS, "timer", () => {
      if (this.#around.isCalm) return;
      const admin = this.#admin;
      if (stage.mayAct(name) && admin !== undefined && this.pending < PENDING_MAX) this.#act(admin, name, draw);
      this.#step();
    });
  }

  #act(admin: ClusterAdmin, name: string, draw: Draw): void {
    const act = oneOf(draw, ACTS)(admin, draw, this.#around);
    const again = draw() < 0.3;
    if (act !== undefined) void this.#ask(name, () => act(name), again);
  }

  /** `again`: where nobody knows what came of it, once more with the same key. */
  async #ask(name: string, act: () => Promise<unknown>, again: boolean): Promise<void> {
    this.pending++;
    try {
      await act();
    } catch (error) {
      this.#failed(name, error);
      if (again && error instanceof CorralError && error.outcome === "unknown" && !this.#over.signal.aborted) {
        this.#around.sometimes("an administrator asked again with the same key");
        await this.#ask(name, act, false);
      }
    } finally {
      this.pending--;
    }
  }

  #failed(what: string, error: unknown): void {
    const { stage, sometimes } = this.#around;
    stage.note(`${this.#life.name} ${what}: ${String(error)}`);
    if (isAdminError(error)) sometimes("an administrator was refused");
    else if (!(error instanceof CorralError))
      stage.violate("brokers", `${what} failed with ${String((error as Error)?.stack ?? error)}`);
  }

  async leave(): Promise<void> {
    this.#over.abort(new CorralError("CLOSED", { op: "administrator", outcome: "no" }));
    await this.#admin?.close();
    await this.client.close();
  }
}

/** What is to be asked, with a key; undefined if there is nothing to ask. */
type Act = (admin: ClusterAdmin, draw: Draw, around: Surroundings) => ((key: string) => Promise<unknown>) | undefined;

const partitionsOf = (admin: ClusterAdmin): { readonly topic: string; readonly partition: number }[] =>
  admin
    .describeTopics()
    .flatMap(({ name, partitions }) => partitions.map(({ partition }) => ({ topic: name, partition })));

const someOf = (admin: ClusterAdmin, draw: Draw): ReturnType<typeof partitionsOf> =>
  partitionsOf(admin).filter(() => draw() < 0.5);

const reassign: Act = (admin, draw, { plan }) => {
  const ids = Array.from({ length: plan.brokers }, (_, i) => i + 1);
  const moves = someOf(admin, draw).map((one) => {
    const order = ids.map((id) => [draw(), id] as const).toSorted(([a], [b]) => a - b);
    return { ...one, replicas: order.slice(0, between(draw, 2, REPLICAS)).map(([, id]) => id) };
  });
  return moves.length === 0 ? undefined : (key) => admin.reassign(moves, { key });
};

const cancel: Act = (admin, draw) => {
  const some = someOf(admin, draw);
  return some.length === 0 ? undefined : (key) => admin.cancelReassignment(some, { key });
};

const elect: Act = (admin, draw, { plan }) => {
  const some = someOf(admin, draw);
  const kind = plan.isUnclean && draw() < 0.5 ? "unclean" : "preferred";
  return some.length === 0 ? undefined : (key) => admin.electLeaders(kind, some, { key });
};

const create: Act = (admin, draw) => {
  const name = oneOf(draw, EXTRA_TOPICS);
  const partitions = between(draw, 1, 2);
  const wait = draw() < 0.5;
  if (admin.listTopics().includes(name)) return undefined;
  return (key) => admin.createTopics([{ name, partitions, replicationFactor: REPLICAS }], { key, wait });
};

const grow: Act = (admin, draw) => {
  const topics = admin.describeTopics().filter(({ partitions }) => partitions.length < PARTITIONS_MAX);
  if (topics.length === 0) return undefined;
  const { name, partitions } = oneOf(draw, topics);
  return (key) => admin.createPartitions([{ topic: name, partitions: partitions.length + 1 }], { key });
};

const remove: Act = (admin, draw) => {
  const name = oneOf(draw, EXTRA_TOPICS);
  const wait = draw() < 0.5;
  if (!admin.listTopics().includes(name)) return undefined;
  return (key) => admin.deleteTopics([name], { key, wait });
};

const configure: Act = (admin, draw, { plan }) => {
  const topics = admin.listTopics();
  if (topics.length === 0) return undefined;
  const topic = oneOf(draw, topics);
  const set = (name: string, value: string) => ({ op: "set", name, value }) as const;
  const changes = oneOf(draw, [
    () => [set("min.insync.replicas", String(between(draw, 1, 2)))],
    () => [set("leader.replication.throttled.replicas", `0:${between(draw, 1, 4)}`)],
    () => [{ op: "delete", name: "leader.replication.throttled.replicas" } as const],
  ])();
  const ofAll = [set("replica.lag.time.max.ms", String(between(draw, 600, plan.lagTimeMs + 1_000)))];
  const alteration: ConfigAlteration =
    draw() < 0.3
      ? { entity: { type: "brokers", name: null }, changes: ofAll }
      : { entity: { type: "topics", name: topic }, changes };
  return (key) => admin.alterConfigs([alteration], { key });
};

const ACTS: readonly Act[] = [
  reassign,
  reassign,
  cancel,
  elect,
  elect,
  create,
  create,
  grow,
  remove,
  configure,
  configure,
];
