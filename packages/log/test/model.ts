/**
 * An owner of a log whose state is the list of all bodies it has seen, and the promises it holds the log to.
 *
 * Owns what was proposed, what was acknowledged and which zxid stands for what, over any number of restarts.
 */

import { expect } from "vitest";
import type {
  CommittedBatch,
  Log,
  LogError,
  LogListener,
  Recovered,
  RecoveryListener,
  SnapshotSource,
} from "../src/index.ts";
import { snapshotZxid } from "../src/file/snapshot-file.ts";
import type { Lying } from "./lying.ts";

export interface Entry {
  readonly zxid: number;
  /** Which one it is, and how long: `7/300`. */
  readonly body: string;
}

/** One process over the log. */
export class Process implements RecoveryListener, LogListener {
  readonly log: Log;
  state: Entry[] = [];
  fromSnapshot = 0;
  acked = 0;
  failure: LogError | undefined;
  readonly spaces: ("ok" | "low")[] = [];
  /** Calls of `committed` after `failed`: must stay 0. */
  afterFailure = 0;
  #waiters: (() => void)[] = [];

  constructor(log: Log) {
    this.log = log;
  }

  async snapshot(source: SnapshotSource): Promise<void> {
    const pieces: Uint8Array[] = [];
    for await (const chunk of source.chunks) pieces.push(Buffer.from(chunk));
    this.state = JSON.parse(Buffer.concat(pieces).toString()) as Entry[];
    this.fromSnapshot = source.zxid;
  }

  batch(batch: CommittedBatch): void {
    this.#take(batch);
  }

  committed(batch: CommittedBatch): void {
    if (this.failure !== undefined) this.afterFailure += 1;
    this.acked += 1;
    this.#take(batch);
    this.#wake();
  }

  failed(error: LogError): void {
    expect(this.failure).toBeUndefined();
    this.failure = error;
    this.#wake();
  }

  space(state: "ok" | "low"): void {
    this.spaces.push(state);
  }

  /** Until so many batches were acknowledged to this process. Throws what the log failed with. */
  async settled(acked: number): Promise<void> {
    while (this.acked < acked) {
      if (this.failure !== undefined) throw this.failure;
      await new Promise<void>((resolve) => void this.#waiters.push(resolve));
    }
  }

  async start(): Promise<Recovered> {
    const recovered = await this.log.recover(this);
    await this.log.open(this);
    return recovered;
  }

  async save(): Promise<void> {
    const bytes = Buffer.from(JSON.stringify(this.state));
    const writer = await this.log.createSnapshot(this.state.at(-1)!.zxid);
    await writer.write(bytes);
    await writer.finish();
  }

  #take({ firstZxid, body }: CommittedBatch): void {
    expect(firstZxid).toBeGreaterThan(this.state.at(-1)?.zxid ?? 0);
    const text = Buffer.from(body).toString("latin1");
    const label = text.slice(0, text.indexOf(":"));
    expect(text === filled(label, text.length)).toBe(true);
    this.state.push({ zxid: firstZxid, body: `${label}/${text.length}` });
  }

  #wake(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}

/** A body of `size` bytes that can be told from every other, and from a damaged one. At least 8. */
function filled(label: string, size: number): string {
  return `${label}:`.padEnd(size, label);
}

/** What is known from outside over all lives of a log. */
export class History {
  /** Acknowledged, or read back by a process that served it. */
  known: Entry[] = [];
  /** Proposed since, fate unknown. */
  proposed: string[] = [];
  #count = 0;
  readonly #meaning = new Map<number, string>();

  propose(process: Process, size: number): void {
    this.#count += 1;
    this.proposed.push(`${this.#count}/${size}`);
    process.log.propose({
      level: 1,
      timeMs: 1_700_000_000_000 + this.#count,
      count: 1,
      body: Buffer.from(filled(String(this.#count), size), "latin1"),
    });
  }

  /** What `process` saw until its end is known; the rest of what was proposed may or may not come back. */
  ended(process: Process): void {
    this.#agree(process.state);
    this.known = [...process.state];
    this.proposed = this.proposed.filter((body) => !process.state.some((entry) => entry.body === body));
  }

  /** `process` has recovered: all that was known is there, followed by a prefix of what was under way. */
  recovered(process: Process): void {
    this.#agree(process.state);
    expect(process.state.slice(0, this.known.length)).toEqual(this.known);
    const more = process.state.slice(this.known.length).map(({ body }) => body);
    expect(more).toEqual(this.proposed.slice(0, more.length));
    this.known = [...process.state];
    this.proposed = [];
  }

  /** No zxid ever stands for two things. */
  #agree(state: readonly Entry[]): void {
    for (const { zxid, body } of state) {
      expect(this.#meaning.get(zxid) ?? body).toBe(body);
      this.#meaning.set(zxid, body);
    }
  }
}

/** Lets everything that waits for nothing but promises run to its end. */
export async function drained(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise<void>((resolve) => void setImmediate(resolve));
}

/** The state that comes out is the same from the newest snapshot, from the oldest, and, where the log reaches back, from none. */
export async function expectSameFromEverySnapshot(world: Lying, state: readonly Entry[]): Promise<void> {
  for (const snapshot of ["newest", "oldest", "none"] as const) {
    const inspected = new Process(world.log({ readOnly: true, snapshot }));
    try {
      await inspected.log.recover(inspected);
    } catch (error) {
      if (snapshot !== "none" || !String(error).includes("starts only after")) throw error;
      continue;
    }
    expect(inspected.state, `from the ${snapshot} snapshot`).toEqual(state);
    // The two newest serve, whatever else a crash has left lying about.
    const second = world.disk
      .names()
      .flatMap((name) => snapshotZxid(name) ?? [])
      .sort((a, b) => b - a)[1];
    if (snapshot === "oldest" && second !== undefined) expect(inspected.fromSnapshot).toBeLessThanOrEqual(second);
  }
}
