// How many sequences saw each operation succeed, and how many saw it refused, by the real ZooKeeper's answers. It owns
// the counts, and says which operations were seen too seldom.
import type { Answer } from "./answer.ts";
import type { Create, MultiPart, Op, SimpleRead } from "./operation.ts";
import type { Transcript } from "./runner.ts";

export interface Seen {
  readonly operation: string;
  readonly succeeded: number;
  readonly refused: number;
}

/** Every operation that must be seen, so that one that is never drawn shows as 0. */
const operations: readonly string[] = [
  ...(
    [
      "persistent",
      "ephemeral",
      "persistentSequential",
      "ephemeralSequential",
      "container",
      "ttl",
      "ttlSequential",
    ] satisfies Create["mode"][]
  ).map((mode) => `create ${mode}`),
  "delete",
  "exists",
  "getData",
  "setData",
  "getACL",
  "setACL",
  "getChildren",
  "getChildren2",
  "check",
  "multi",
  "multiRead",
  "sync",
  "getEphemerals",
  "getAllChildrenNumber",
  "whoAmI",
  "ping",
  "addAuth",
  "addWatch",
  "checkWatches",
  "removeWatches",
  "close",
  "attach",
];

export class Coverage {
  readonly #succeeded = new Map<string, number>();
  readonly #refused = new Map<string, number>();

  /** Counts one sequence. */
  add({ streams }: Transcript): void {
    const [good, bad] = [new Set<string>(), new Set<string>()];
    for (const entry of streams.flat()) {
      if (entry.kind === "attach") (entry.error === "OK" ? good : bad).add("attach");
      if (entry.kind === "reply") sort(entry.op, entry.answer, good, bad);
    }
    for (const name of good) this.#succeeded.set(name, (this.#succeeded.get(name) ?? 0) + 1);
    for (const name of bad) this.#refused.set(name, (this.#refused.get(name) ?? 0) + 1);
  }

  table(): Seen[] {
    const names = new Set([...operations, ...this.#succeeded.keys(), ...this.#refused.keys()]);
    return [...names].map((operation) => ({
      operation,
      succeeded: this.#succeeded.get(operation) ?? 0,
      refused: this.#refused.get(operation) ?? 0,
    }));
  }

  /** Operations seen in fewer sequences than `floor`, either way. */
  below(floor: number): Seen[] {
    return this.table().filter(
      ({ operation, succeeded, refused }) => operations.includes(operation) && Math.min(succeeded, refused) < floor,
    );
  }
}

function sort(op: Op | MultiPart | SimpleRead, answer: Answer, good: Set<string>, bad: Set<string>): void {
  const parts = op.op === "multi" || op.op === "multiRead" ? op.parts : [];
  const worked =
    answer.error === "OK" && (op.op !== "multiRead" || answer.parts?.every(({ error }) => error === "OK") === true);
  (worked ? good : bad).add(op.op === "create" ? `create ${op.mode}` : op.op);
  for (const [index, part] of parts.entries()) {
    const own = answer.parts?.[index];
    // What was undone, or never tried, was neither done nor refused.
    const counts =
      own !== undefined && own.error !== "RUNTIME_INCONSISTENCY" && (own.error !== "OK" || answer.error === "OK");
    if (counts) sort(part, own, good, bad);
  }
}
