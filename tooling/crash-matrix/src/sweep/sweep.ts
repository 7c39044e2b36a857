/**
 * The sweep: each fault on a copy of the directory in memory, a recovery, and the verdict it may come to.
 *
 * The same state; or refused, naming a damaged file, with nothing changed; or cut off before a record of which nothing outside of
 * the damage says that it was durable. Owns the table of verdicts.
 */
import { type FileLogLimits, LogError, type RecoveryListener } from "@corral/log";
import { MemoryDisk } from "@corral/log/testing";
import { recover } from "@corral/server";
import { digestOf } from "@corral/state-machine";
import { SMALL_LIMITS, type WrapDisk, within, World } from "../world.ts";
import { tableLines } from "../table.ts";
import { type Fault, faultsOf } from "./faults.ts";
import type { Files, SweepSource } from "./files.ts";
import { Oracle } from "./oracle.ts";

/** Columns of the table. `refused`: damage is told; `unread`: the disk did not give the bytes, and that is told. */
const VERDICTS = ["same", "refused", "unread", "cut", "WRONG"] as const;
type Verdict = (typeof VERDICTS)[number];

export interface SweepResult {
  /** By kind of fault and verdict: `bit flipped/same`. */
  readonly counts: Readonly<Record<string, number>>;
  readonly passed: number;
  readonly failed: number;
  readonly failures: readonly string[];
}

interface Outcome {
  readonly zxid: number;
  readonly digest: string;
}

/** Kept of one share. */
const FAILURES_MAX = 10;

/** Faults whose number is `index` modulo `of`; of those of blocks every `sampleEvery`-th. */
export async function sweepShare(
  source: SweepSource,
  index: number,
  of: number,
  sampleEvery: number,
): Promise<SweepResult> {
  const sweep = new Sweep(source);
  const { blocks, whole } = faultsOf(source);
  const all = [...blocks.filter((_, number) => number % sampleEvery === index % sampleEvery), ...whole];
  const counts: Record<string, number> = {};
  const failures: string[] = [];
  let failed = 0;
  const mine = all.filter((_, number) => number % of === index);
  for (const fault of mine) {
    const { verdict, why } = await sweep.verdictOn(fault);
    const key = `${fault.kind}/${verdict}`;
    counts[key] = (counts[key] ?? 0) + 1;
    if (verdict !== "WRONG") continue;
    failed += 1;
    if (failures.length < FAILURES_MAX) failures.push(`--only sweep   ${fault.what}: ${why}`);
  }
  return { counts, passed: mine.length - failed, failed, failures };
}

export class Sweep {
  readonly #disk: MemoryDisk;
  readonly #limits: FileLogLimits;
  readonly #oracle: Oracle;
  /** Of the undamaged directory, cut off behind a zxid; `Infinity` for all of it. */
  readonly #states = new Map<number, Outcome>();

  constructor({ files, limits }: SweepSource) {
    this.#disk = diskOf(files);
    this.#limits = { ...SMALL_LIMITS, ...limits };
    this.#oracle = new Oracle(files);
  }

  async verdictOn(fault: Fault): Promise<{ verdict: Verdict; why: string }> {
    const disk = this.#disk.fork();
    fault.apply(disk);
    const before = contentsOf(disk);
    let outcome: Outcome;
    try {
      outcome = await this.#recovered(disk, Number.POSITIVE_INFINITY, fault.wrapDisk);
    } catch (error) {
      return refusal(fault, error, before.equals(contentsOf(disk)));
    }
    const whole = await this.#stateAt(Number.POSITIVE_INFINITY);
    const mayCutTo = fault.isShorter ? undefined : this.#oracle.mayCutTo(fault.damage);
    const isSame = outcome.zxid === whole.zxid && outcome.digest === whole.digest;
    if (!isSame && outcome.zxid !== mayCutTo)
      return wrong(
        `ends at zxid ${outcome.zxid} instead of ${whole.zxid}${mayCutTo === undefined ? "" : ` or ${mayCutTo}`}`,
      );
    if (!isSame && outcome.digest !== (await this.#stateAt(outcome.zxid)).digest)
      return wrong(`another state at zxid ${outcome.zxid}`);
    const verdict = isSame ? "same" : "cut";
    disk.crashWith(() => "lost");
    if (before.equals(contentsOf(disk))) return { verdict, why: "" };
    // What was served once is served again, also after a repair and when nothing unsynced survives.
    const again = await this.#recovered(disk, Number.POSITIVE_INFINITY, fault.wrapDisk).catch((error: unknown) =>
      String(error),
    );
    if (typeof again === "string" || again.digest !== outcome.digest)
      return wrong(`the second start is another one: ${typeof again === "string" ? again : `zxid ${again.zxid}`}`);
    return { verdict, why: "" };
  }

  async #stateAt(zxid: number): Promise<Outcome> {
    const known = this.#states.get(zxid) ?? (await this.#recovered(this.#disk.fork(), zxid));
    this.#states.set(zxid, known);
    return known;
  }

  async #recovered(disk: MemoryDisk, upTo: number, wrapDisk?: WrapDisk): Promise<Outcome> {
    const log = new World(this.#limits, wrapDisk, disk).log();
    const { state } = await within(
      recover({
        ...contractOf(log),
        recover: (listener: RecoveryListener) =>
          log.recover({
            snapshot: (snapshot) => {
              if (snapshot.zxid > upTo) throw new Error("later than what is wanted");
              return listener.snapshot(snapshot);
            },
            batch: (batch) => (batch.firstZxid > upTo ? undefined : listener.batch(batch)),
          }),
      }),
      "recovery",
    );
    return { zxid: state.zxid, digest: digestOf(state) };
  }
}

/** The other calls of a log, none of which recovery makes. */
function contractOf(log: ReturnType<World["log"]>): Parameters<typeof recover>[0] {
  return {
    exclusive: true,
    clusterId: "",
    recover: (listener) => log.recover(listener),
    open: (listener) => log.open(listener),
    propose: (batch) => log.propose(batch),
    createSnapshot: (zxid) => log.createSnapshot(zxid),
    close: () => log.close(),
  };
}

function refusal(
  { kind, damage, alsoNamed }: Fault,
  error: unknown,
  isUnchanged: boolean,
): { verdict: Verdict; why: string } {
  if (!(error instanceof LogError)) return wrong(`failed with ${String((error as Error)?.stack ?? error)}`);
  const isUnread = kind === "read error" && error.code === "IO_FAILED";
  if (!isUnread && error.code !== "DAMAGED" && error.code !== "FOREIGN")
    return wrong(`refused with ${error.code}: ${error.message}`);
  if (![damage.file, ...alsoNamed].some((name) => error.message.includes(name)))
    return wrong(`refused without naming a damaged file: ${error.message}`);
  if (!isUnchanged) return wrong(`refused, but changed something: ${error.message}`);
  return { verdict: isUnread ? "unread" : "refused", why: "" };
}

function wrong(why: string): { verdict: Verdict; why: string } {
  return { verdict: "WRONG", why };
}

export function diskOf(files: Files): MemoryDisk {
  const disk = new MemoryDisk();
  for (const [name, bytes] of Object.entries(files)) disk.put(name, bytes);
  return disk;
}

function contentsOf(disk: MemoryDisk): Buffer {
  return Buffer.concat(
    disk
      .names()
      .toSorted()
      .flatMap((name) => [Buffer.from(name), disk.contents(name)]),
  );
}

export function addSweeps(results: readonly SweepResult[]): SweepResult {
  const counts: Record<string, number> = {};
  for (const result of results)
    for (const [key, count] of Object.entries(result.counts)) counts[key] = (counts[key] ?? 0) + count;
  const sum = (of: (result: SweepResult) => number): number => results.reduce((all, result) => all + of(result), 0);
  return {
    counts,
    passed: sum(({ passed }) => passed),
    failed: sum(({ failed }) => failed),
    failures: results.flatMap(({ failures }) => failures),
  };
}

export function sweepLines({ counts }: SweepResult): string[] {
  const kinds = [...new Set(Object.keys(counts).map((key) => key.split("/")[0]!))].toSorted();
  const row = (kind: string): number[] => VERDICTS.map((verdict) => counts[`${kind}/${verdict}`] ?? 0);
  const all = VERDICTS.map((_, column) => kinds.reduce((sum, kind) => sum + row(kind)[column]!, 0));
  return tableLines(["fault", ...VERDICTS], [...kinds.map((kind) => [kind, ...row(kind)]), ["all", ...all]]);
}
