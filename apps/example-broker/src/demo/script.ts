/** What happens in the demo, in this order, each with the time that recovery took. */
import { BROKER_SESSION_MS, BROKERS, CONSUMER_SESSION_MS, CONSUMERS, FOURTH, PARTITIONS, REPLICAS } from "./cast.ts";
import type { Stage } from "./stage.ts";

/** After a step, messages flow undisturbed for so long, milliseconds. */
export interface ScriptOptions {
  readonly calmMs: number;
}

export async function play(stage: Stage, { calmMs }: ScriptOptions): Promise<void> {
  await stage.measure("every partition has all its replicas in sync", () => () => stage.isInSync());
  await stage.pause(calmMs);
  await killLeader(stage);
  await stage.pause(calmMs);
  await pauseConsumer(stage);
  await stage.pause(calmMs);
  await addBroker(stage);
  await stage.pause(calmMs);
  await changeConfiguration(stage);
  await stage.pause(calmMs);
  await restartCorrald(stage);
  await stage.pause(calmMs);
  await restartBrokers(stage);
  await stage.pause(calmMs);
}

async function killLeader(stage: Stage): Promise<void> {
  const { cast, view } = stage;
  const victim = busiest(stage);
  const leads = stage.observer.partitions().filter(({ leader }) => leader === victim).length;
  const isController = stage.observer.controller === victim ? ", and is controller" : "";
  view.step(`kill -9 of broker ${victim}: it leads ${leads} of ${PARTITIONS} partitions${isController}`);
  await cast.child(`broker-${victim}`).kill();
  const [gone, led] = await Promise.all([
    stage.measure(`Corral has noticed (sessions of ${BROKER_SESSION_MS / 1_000} s)`, () => () => !isUp(stage, victim)),
    stage.measure("every partition has a living leader", () => () => stage.isLed(victim)),
    stage.measure("every partition is consumed again", () => stage.flowsSince(stage.mark())),
  ]);
  view.result(`from noticing to the last new leader: ${Math.max(0, led - gone).toFixed(0)} ms`);
  view.step(`broker ${victim} starts again`);
  await Promise.all([
    cast.startBroker(victim),
    stage.measure("all its replicas are in sync again", () => () => stage.isInSync() && stage.isLed()),
  ]);
}

async function pauseConsumer(stage: Stage): Promise<void> {
  const { cast, observer, view } = stage;
  const name = CONSUMERS.find((consumer) => (cast.consumerStatus(consumer)?.held.length ?? 0) > 0) ?? CONSUMERS[0];
  const held = cast.consumerStatus(name)?.held ?? [];
  const fenced = observer.sink.fenced;
  view.step(`SIGSTOP of consumer ${name}, longer than its session of ${CONSUMER_SESSION_MS / 1_000} s`);
  const consumer = cast.child(`consumer-${name}`);
  const mark = stage.mark();
  consumer.pause();
  await stage.measure(`its ${held.length} partitions are consumed by others`, () => {
    const since = { ...mark, positions: new Map([...mark.positions].map(([n, offset]) => [n, offset + 1])) };
    return () => held.every((n) => observer.advancedSince(since).includes(n));
  });
  await stage.pause(1_000);
  view.step(`SIGCONT of consumer ${name}: it believes for a moment that nothing has happened`);
  consumer.resume();
  await stage.measure("it is a member again and has partitions", () => () => {
    const status = cast.consumerStatus(name);
    return status?.state === "stable" && status.held.length > 0 && !isSame(status.held, held);
  });
  view.result(`writes of its old claims that the sink refused: ${observer.sink.fenced - fenced}`);
}

async function addBroker(stage: Stage): Promise<void> {
  const { cast, observer, view } = stage;
  const share = Math.floor((PARTITIONS * REPLICAS) / (BROKERS.length + 1));
  view.step(`auto.partition.rebalance.enable = true, and broker ${FOURTH} starts`);
  await observer.configure("auto.partition.rebalance.enable", "true");
  await cast.startBroker(FOURTH);
  await stage.measure(`it keeps its share of ${share} replicas, in sync, and nothing moves any more`, () => () => {
    const kept = observer.partitions().filter(({ replicas }) => replicas.includes(FOURTH));
    return kept.length >= share && stage.isInSync();
  });
}

async function changeConfiguration(stage: Stage): Promise<void> {
  const { cast, observer, view } = stage;
  const greeting = `hello at ${new Date().toISOString()}`;
  view.step("a configuration of all brokers changes");
  await Promise.all([
    stage.measure(
      "every broker has seen it",
      () => () => observer.brokers().every((id) => cast.greetingAt(id) === greeting),
    ),
    observer.configure("example.greeting", greeting),
  ]);
}

async function restartCorrald(stage: Stage): Promise<void> {
  const { cast, observer, view } = stage;
  view.step("kill -9 of corrald: brokers, producer and consumers go on with what they know");
  await cast.child("corrald").kill();
  await stage.measure("every partition is consumed, without corrald", () => stage.flowsSince(stage.mark()));
  const isBack = { value: false };
  const written = async (): Promise<void> => {
    await observer.client.sync("/");
    isBack.value = true;
  };
  view.step("corrald starts again");
  await Promise.all([
    cast.startCorrald().then(written),
    stage.measure("its clients have it back", () => () => isBack.value),
  ]);
  view.result(`brokers that kept their registration: ${observer.brokers().length} of ${BROKERS.length + 1}`);
}

async function restartBrokers(stage: Stage): Promise<void> {
  const { cast, view } = stage;
  view.step("a rolling restart: each broker gives its leaderships away, ends, starts again and catches up");
  for (const id of [...BROKERS, FOURTH]) {
    await stage.measure(`broker ${id} has ended in order`, () => ended(cast.child(`broker-${id}`)));
    await Promise.all([
      cast.startBroker(id),
      stage.measure(`broker ${id} is in sync again`, () => () => stage.isInSync() && stage.isLed()),
    ]);
  }
}

function ended(child: { end(): Promise<void>; readonly isOver: boolean }): () => boolean {
  void child.end();
  return () => child.isOver;
}

function isUp({ observer }: Stage, id: number): boolean {
  return observer.brokers().includes(id);
}

/** The broker that leads the most. */
function busiest({ observer }: Stage): number {
  const leads = (id: number): number => observer.partitions().filter(({ leader }) => leader === id).length;
  return BROKERS.toSorted((a, b) => leads(b) - leads(a))[0] as number;
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((n) => b.includes(n));
}
