/**
 * Random faults for as long as is wanted: kill -9 of brokers and consumers, pauses past their sessions, restarts of corrald. What is struck
 * comes back after a while. Brokers are struck one after the other, but often before the one before has caught up; consumers meanwhile.
 *
 * Owns the dice: the same seed strikes the same in the same order (not at the same microsecond).
 */
import { BROKERS, BROKER_SESSION_MS, CONSUMER_SESSION_MS, CONSUMERS } from "./cast.ts";
import type { Stage } from "./stage.ts";

export interface ChaosOptions {
  readonly seconds: number;
  readonly seed: number;
}

interface Strike {
  readonly name: string;
  /** How often among the others. */
  readonly weight: number;
  readonly strike: (stage: Stage, dice: Dice) => Promise<void>;
}

const SERVER_STRIKES: readonly Strike[] = [
  { name: "broker killed", weight: 4, strike: killBroker },
  { name: "broker paused", weight: 3, strike: pauseBroker },
  { name: "corrald killed", weight: 1, strike: restartCorrald },
];
const CONSUMER_STRIKES: readonly Strike[] = [
  { name: "consumer killed", weight: 1, strike: killConsumer },
  { name: "consumer paused", weight: 1, strike: pauseConsumer },
];

export async function unleash(stage: Stage, { seconds, seed }: ChaosOptions): Promise<void> {
  const counts = new Map<string, number>();
  const end = performance.now() + seconds * 1_000;
  stage.view.step(`${seconds} s of chaos, seed ${seed}`);
  const storm = async (strikes: readonly Strike[], dice: Dice): Promise<void> => {
    while (performance.now() < end) {
      const { name, strike } = dice.weighted(strikes);
      await strike(stage, dice);
      counts.set(name, (counts.get(name) ?? 0) + 1);
      await stage.pause(dice.between(200, 3_000));
    }
  };
  await Promise.all([storm(SERVER_STRIKES, new Dice(seed)), storm(CONSUMER_STRIKES, new Dice(seed + 1))]);
  stage.view.step("quiet");
  await stage.measure("every partition is in sync and consumed", async () => {
    await stage.until("all in sync", () => stage.isInSync() && stage.isLed());
    await stage.flows();
  });
  stage.view.result([...counts].map(([name, count]) => `${name} ${count}×`).join(", "));
  stage.view.result(`writes of old claims that the sink refused: ${stage.observer.sink.fenced}`);
}

async function killBroker(stage: Stage, dice: Dice): Promise<void> {
  const id = dice.oneOf(BROKERS);
  stage.view.result(`kill -9 of broker ${id}`);
  await stage.cast.child(`broker-${id}`).kill();
  await stage.pause(dice.between(0, 2 * BROKER_SESSION_MS));
  await stage.cast.startBroker(id);
  await mostlyCaughtUp(stage, dice);
}

async function pauseBroker(stage: Stage, dice: Dice): Promise<void> {
  const id = dice.oneOf(BROKERS);
  const ms = dice.between(500, 2 * BROKER_SESSION_MS);
  stage.view.result(`SIGSTOP of broker ${id} for ${ms} ms`);
  const child = stage.cast.child(`broker-${id}`);
  child.pause();
  await stage.pause(ms);
  child.resume();
  await mostlyCaughtUp(stage, dice);
}

async function killConsumer(stage: Stage, dice: Dice): Promise<void> {
  const name = dice.oneOf(CONSUMERS);
  stage.view.result(`kill -9 of consumer ${name}`);
  await stage.cast.child(`consumer-${name}`).kill();
  await stage.pause(dice.between(0, 2 * CONSUMER_SESSION_MS));
  await stage.cast.startConsumer(name);
}

async function pauseConsumer(stage: Stage, dice: Dice): Promise<void> {
  const name = dice.oneOf(CONSUMERS);
  const ms = dice.between(500, 2.5 * CONSUMER_SESSION_MS);
  stage.view.result(`SIGSTOP of consumer ${name} for ${ms} ms`);
  const child = stage.cast.child(`consumer-${name}`);
  child.pause();
  await stage.pause(ms);
  child.resume();
}

async function restartCorrald(stage: Stage, dice: Dice): Promise<void> {
  const ms = dice.between(0, 3_000);
  stage.view.result(`kill -9 of corrald, ${ms} ms down`);
  await stage.cast.child("corrald").kill();
  await stage.pause(ms);
  await stage.cast.startCorrald();
}

/** Two times of three, the next broker is struck only when every replica has everything again. */
async function mostlyCaughtUp(stage: Stage, dice: Dice): Promise<void> {
  if (dice.between(1, 3) > 1) await stage.until("every replica is in sync again", () => stage.isInSync());
}

/** Mulberry32: small, and the same everywhere. */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number, both ends included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.#next() * (max - min + 1));
  }

  oneOf<T>(items: readonly T[]): T {
    return items[this.between(0, items.length - 1)] as T;
  }

  weighted<T extends { readonly weight: number }>(items: readonly T[]): T {
    let left = this.#next() * items.reduce((sum, { weight }) => sum + weight, 0);
    return items.find(({ weight }) => (left -= weight) < 0) ?? (items[0] as T);
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }
}
