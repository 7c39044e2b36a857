/** Replicas of partitions, as Kafka's tools write them: `1:2,2:3`, and the JSON file of a reassignment. */
import { readFile } from "node:fs/promises";
import { text as textOf } from "node:stream/consumers";
import { UsageError } from "../usage-error.ts";
import { numbersFrom } from "./place.ts";

export interface Assigned {
  readonly topic: string;
  readonly partition: number;
  readonly replicas: readonly number[];
}

/** Partitions of a plan at most. */
const PLAN_MAX = 1_000_000;

export function assignmentsFrom(flag: string, text: string): number[][] {
  return text.split(",").map((ids) => numbersFrom(flag, ids, ":"));
}

/** Kafka's form: `{"version":1,"partitions":[{"topic":"orders","partition":0,"replicas":[1,2]}]}`. */
export function planText(partitions: readonly Assigned[]): string {
  return JSON.stringify({
    version: 1,
    partitions: partitions.map(({ topic, partition, replicas }) => ({ topic, partition, replicas })),
  });
}

/** `-` is stdin. Throws UsageError for what is no plan. */
export async function planFrom(file: string): Promise<Assigned[]> {
  const text = await readText(file);
  const bad = (why: string): UsageError => new UsageError(`${file} is no plan: ${why}`);
  let plan: unknown;
  try {
    plan = JSON.parse(text);
  } catch (error) {
    throw bad((error as Error).message);
  }
  const { partitions } = (plan ?? {}) as { readonly partitions?: unknown };
  if (!Array.isArray(partitions)) throw bad("it has no list 'partitions'");
  if (partitions.length > PLAN_MAX) throw bad(`it has ${partitions.length} partitions, more than ${PLAN_MAX}`);
  return partitions.map((one: unknown, at) => {
    const { topic, partition, replicas } = (one ?? {}) as Partial<Record<keyof Assigned, unknown>>;
    const isId = (id: unknown): id is number => Number.isSafeInteger(id) && (id as number) >= 0;
    if (typeof topic !== "string" || !isId(partition) || !Array.isArray(replicas) || !replicas.every(isId)) {
      throw bad(`partitions[${at}] is not {"topic": …, "partition": …, "replicas": […]}`);
    }
    return { topic, partition, replicas };
  });
}

async function readText(file: string): Promise<string> {
  if (file === "-") return textOf(process.stdin);
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new UsageError(`${file}: ${(error as Error).message}`);
  }
}
