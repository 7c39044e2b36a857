/** What happens in the demo, in this order, each with the time that recovery took. */
import { BROKER_SESSION_MS, BROKERS, CONSUMER_SESSION_MS, CONSUMERS, FOURTH, PARTITIONS, REPLICAS } from "./cast.ts";
import type { Stage } from "./stage.ts";

/** What a process has sent arrives within that time, milliseconds. */
const IN_FLIGHT_MS = 200;

/** After a step, messages flow undisturbed for so long, milliseconds. */
export interface ScriptOptions {
  readonly calmMs: number;
}

export async function play(stage: Stage, { calmMs }: ScriptOptions): Promise<void> {
  await stage.measureUntil("every partition has all its replicas in sync", () => stage.isInSync());
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
  const { cast, observer, view } = stage;
  const victim = busiest(stage);
  const leads = observer.partitions().filter(({ leader }) => leader === victim).length;
  const isController = observer.controller === victim ? ", and is controller" : "";
  view.step(`kill -9 of broker ${victim}: it leads ${leads} of ${PARTITIONS} partitions${isController}`);
  await cast.child(`broker-${victim}`).kill();
  const from = performance.now();
  const sessions = `sessions of ${BROKER_SESSION_MS / 1_000} s`;
  const [noticed, led] = await Promise.all([
    stage.measureUntil(`Corral has noticed (${sessions})`, () => !observer.brokers().includes(victim)),
    stage.measureUntil("every partition has a living leader", () => stage.isLed(victim)),
  ]);
  view.result(`from noticing to the last new leader: ${Math.max(0, led - noticed).toFixed(0)} ms`);
  await stage.measure("every partition is produced to and consumed again", () => stage.flows(), from);
  view.step(`broker ${victim} starts again`);
  await Promise.all([
    cast.startBroker(victim),
    stage.measureUntil("all its replicas are in sync again", () => stage.isInSync() && stage.isLed()),
  ]);
}

async function pauseConsumer(stage: Stage): Promise<void> {
  const { cast, observer, view } = stage;
  const name = CONSUMERS.find((consumer) => (cast.consumerStatus(consumer)?.held.length ?? 0) > 0) ?? CONSUMERS[0];
  const before = cast.consumerStatus(name);
  const held = before?.held ?? [];
  const { fenced } = observer.sink;
  view.step(`SIGSTOP of consumer ${name}, longer than its session of ${CONSUMER_SESSION_MS / 1_000} s`);
  const consumer = cast.child(`consumer-${name}`);
  const from = performance.now();
  consumer.pause();
  // What it had sent before it stood still is not counted.
  await stage.pause(IN_FLIGHT_MS);
  await stage.measure(`its ${held.length} partitions are consumed by others`, () => stage.flows(held), from);
  view.step(`SIGCONT of consumer ${name}: it goes on in the middle of what it was doing`);
  consumer.resume();
  await stage.measureUntil("it is a member anew and has partitions", () => {
    const status = cast.consumerStatus(name);
    const isAnew = (status?.memberEpoch ?? 0) > (before?.memberEpoch ?? 0);
    return isAnew && status?.state === "stable" && status.held.length > 0;
  });
  view.result(`writes by its old claims, all refused by the sink: ${observer.sink.fenced - fenced}`);
}

async function addBroker(stage: Stage): Promise<void> {
  const { cast, observer, view } = stage;
  const share = Math.floor((PARTITIONS * REPLICAS) / (BROKERS.length + 1));
  view.step(`auto.partition.rebalance.enable = true, and broker ${FOURTH} starts`);
  await observer.configure("auto.partition.rebalance.enable", "true");
  const from = performance.now();
  await cast.startBroker(FOURTH);
  const hasItsShare = (): boolean => {
    const kept = observer.partitions().filter(({ replicas }) => replicas.includes(FOURTH));
    return kept.length >= share && stage.isInSync();
  };
  await stage.measureUntil(`it keeps its share of ${share} replicas, in sync, and no replica moves`, hasItsShare, from);
}

async function changeConfiguration(stage: Stage): Promise<void> {
  const { cast, observer, view } = stage;
  const greeting = `hello at ${new Date().toISOString()}`;
  view.step("a configuration of all brokers changes");
  await Promise.all([
    stage.measureUntil("every broker has seen the new configuration", () =>
      observer.brokers().every((id) => cast.greetingAt(id) === greeting),
    ),
    observer.configure("example.greeting", greeting),
  ]);
}

async function restartCorrald(stage: Stage): Promise<void> {
  const { cast, observer, view } = stage;
  view.step("kill -9 of corrald: brokers, producer and consumers go on with what they know");
  await cast.child("corrald").kill();
  await stage.measure("every partition is consumed, without corrald", () => stage.flows());
  const isBack = { value: false };
  const written = async (): Promise<void> => {
    await observer.client.sync("/");
    isBack.value = true;
  };
  view.step("corrald starts again");
  await Promise.all([
    cast.startCorrald().then(written),
    stage.measureUntil("its clients have it back", () => isBack.value),
  ]);
  view.result(`brokers that kept their registration: ${observer.brokers().length} of ${BROKERS.length + 1}`);
}

async function restartBrokers(stage: Stage): Promise<void> {
  const { cast, view } = stage;
  view.step("a rolling restart: each broker gives its leaderships away, ends, starts again and catches up");
  for (const id of [...BROKERS, FOURTH]) {
    await stage.measure(`broker ${id} has ended in order`, () => cast.child(`broker-${id}`).end());
    await Promise.all([
      cast.startBroker(id),
      stage.measureUntil(`broker ${id} is in sync again`, () => stage.isInSync() && stage.isLed()),
    ]);
  }
}

/** The broker that leads the most partitions; of several, the controller. */
function busiest({ observer }: Stage): number {
  const leads = (id: number): number =>
    observer.partitions().filter(({ leader }) => leader === id).length + (observer.controller === id ? 0.5 : 0);
  return BROKERS.toSorted((a, b) => leads(b) - leads(a))[0] as number;
}
