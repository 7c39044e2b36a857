/**
 * A siege: clients at work on one corrald whose process ends again and again, on one data directory.
 *
 * Owns the daemon's lives and the data directory. What ends each life is the row's.
 */
import { type CorraldProcess, servingPid, startCorrald } from "@corral/end-to-end";
import type { Violation } from "@corral/simulation";
import { SegmentKeeper } from "./keeper.ts";
import { Load, type LoadOptions } from "./load.ts";
import { plantedEnv } from "./plants/plants.ts";
import { judged, type Limits, LogReader, SMALL } from "./proof.ts";
import type { Figures, Outcome, RowStage } from "./row.ts";

export interface LifeOptions {
  /** A command that runs it, such as strace with its arguments. */
  readonly wrapper?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface SiegeOptions {
  readonly clients: number;
  readonly limits?: Limits;
  readonly load?: Partial<LoadOptions>;
  /** In front of corrald, what the clients are told instead. */
  readonly through?: (url: string) => string;
  /** Default: a fresh one, and what is deleted there is kept. */
  readonly data?: string;
}

/** Everybody is well so long after the last fault at most, on a machine that is busy with other things. */
const REST_MS = 45_000;

export class Siege {
  readonly load: Load;
  readonly reader: LogReader;
  readonly data: string;
  readonly violations: Violation[] = [];
  readonly figures: Figures = {};
  readonly #stage: RowStage;
  readonly #limits: Limits;
  #daemon: CorraldProcess | undefined;
  #slowestStartMs = 0;
  starts = 0;

  private constructor(stage: RowStage, data: string, keeper: SegmentKeeper | undefined, options: SiegeOptions) {
    const { clients, limits, load, through = (url) => url } = options;
    this.#stage = stage;
    this.data = data;
    this.#limits = { ...SMALL, ...limits };
    // While it is down, its last address: nobody answers there.
    const servers = async (): Promise<readonly string[]> => [through(this.daemon.url)];
    this.load = new Load({ seed: stage.seed, clients, servers, ...load });
    this.reader = new LogReader(this.load.history, keeper);
  }

  /** The first life, and clients that have begun. */
  static async lay(stage: RowStage, options: SiegeOptions, life: LifeOptions = {}): Promise<Siege> {
    const data = options.data ?? (await stage.directory("data"));
    const keeper = options.data === undefined ? new SegmentKeeper(data, await stage.directory("kept")) : undefined;
    stage.atEnd(() => keeper?.end());
    const siege = new Siege(stage, data, keeper, options);
    stage.atEnd(() => siege.load.leave());
    await siege.start(life);
    await siege.load.prepare();
    siege.load.begin();
    return siege;
  }

  /** The life that serves, or the last one that did. */
  get daemon(): CorraldProcess {
    return this.#daemon!;
  }

  /** The process itself, also behind a wrapper. */
  get pid(): number {
    return servingPid(this.daemon.log())!;
  }

  /** Another life. Rejects if it ends before it serves. */
  async start({ wrapper = [], env = {} }: LifeOptions = {}): Promise<CorraldProcess> {
    this.#daemon = await startCorrald({
      data: this.data,
      limits: this.#limits,
      wrapper,
      env: { ...plantedEnv(this.#stage.plant), ...env },
    });
    this.starts++;
    if (wrapper.length === 0) this.#slowestStartMs = Math.max(this.#slowestStartMs, this.#daemon.startMs);
    return this.#daemon;
  }

  fail(check: string, what: string): void {
    this.violations.push({ check, what });
  }

  /** What is on the disk now that the process is gone. */
  read(why: string): Promise<void> {
    return this.reader.read(this.data, why);
  }

  /** The daemon serves and nothing is wrong any more: everybody comes to rest and leaves, and all is judged. */
  async end(): Promise<Outcome> {
    await this.load.demandRest(REST_MS);
    await this.load.leave();
    const { code, stderr } = await this.daemon.stop();
    if (code !== 0) this.fail("end", `SIGTERM in the end led to ${code}: ${stderr.slice(-500)}`);
    await this.read("in the end");
    return this.judged();
  }

  judged(): Outcome {
    const { load, reader, figures } = this;
    if (this.#stage.plant === "forged-log") forge(load);
    const violations = [
      ...this.violations,
      ...reader.violations,
      ...reader.known.violations,
      ...judged(load.history, figures),
      ...load.violations,
    ];
    figures["answered"] = load.answered;
    figures["slowest start ms"] = Math.round(this.#slowestStartMs);
    if (load.answered === 0)
      violations.push({ check: "load", what: "nothing was ever answered: the row proves nothing" });
    return { figures, violations };
  }
}

/** The plant: a write that was acknowledged is no longer in the log. */
function forge({ history }: Load): void {
  const told = new Set(
    history.calls.flatMap(({ op, outcome }) =>
      op === "create" && outcome.kind === "ok"
        ? [(outcome.value as { readonly stat: readonly number[] }).stat[0]!]
        : [],
    ),
  );
  const at = history.entries.findLastIndex(({ zxid }) => told.has(zxid));
  if (at === -1) throw new Error("no create was answered: there is nothing to take out of the log");
  history.entries.splice(at, 1);
}
