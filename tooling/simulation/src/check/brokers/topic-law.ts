/** How topics come and go: whole for clients at each moment, never the same id twice, and nothing of them left behind. */
import type { Changed, Kept } from "./transactions.ts";

interface Topic {
  readonly name: string;
  readonly id: string;
  readonly state: "creating" | "live" | "deleting";
  readonly partitions: number;
  readonly growth: unknown;
}

/** What may follow what; `none`: it is not there. */
const NEXT: Readonly<Record<string, readonly string[]>> = {
  none: ["creating", "live"],
  creating: ["creating", "live", "deleting"],
  live: ["live", "deleting"],
  deleting: ["deleting", "none"],
};

export class TopicLaw {
  readonly #fail: (what: string) => void;
  readonly #sometimes: (mark: string) => void;
  /** By id. */
  readonly #names = new Map<string, string>();
  /** By id: in whose term its making, growing or deletion began. */
  readonly #begunIn = new Map<string, number>();
  readonly #used = new Set<string>();

  constructor(fail: (what: string) => void, sometimes: (mark: string) => void) {
    this.#fail = fail;
    this.#sometimes = sometimes;
  }

  /** Of a topic that is there, as it stands in paths. */
  nameOf(id: string): string | undefined {
    return this.#names.get(id);
  }

  /** `kept`: what is there after the transaction; `term`: the controller's. */
  check(changes: readonly Changed[], kept: ReadonlyMap<string, Kept>, term: number): void {
    for (const { path, before, now } of changes) {
      const [kind, name] = path.split("/");
      if (kind !== "topics" || name === undefined) continue;
      const was = before?.data as Topic | undefined;
      const is = now?.data as Topic | undefined;
      this.#checkStep(name, was, is);
      this.#checkWhole(name, was, is, kept);
      this.#mark(was, is, term);
    }
    for (const { path, before, now } of changes) this.#checkPartition(path, before === undefined && now !== undefined);
  }

  #checkStep(name: string, was: Topic | undefined, is: Topic | undefined): void {
    const [from, to] = [was?.state ?? "none", is?.state ?? "none"];
    if (NEXT[from]?.includes(to) !== true) this.#fail(`topic ${name} was ${from}, and is ${to}`);
    if (was !== undefined && is !== undefined && was.id !== is.id) this.#fail(`topic ${name} has another id`);
    if (was === undefined && is !== undefined) {
      if (this.#used.has(is.id)) this.#fail(`topic ${name} has the id ${is.id}, which another had`);
      this.#used.add(is.id);
      this.#names.set(is.id, name);
    }
    if (was?.state === "live" && is?.state === "live" && is.partitions < was.partitions)
      this.#fail(`topic ${name} has ${is.partitions} partitions, and had ${was.partitions}`);
  }

  #checkWhole(name: string, was: Topic | undefined, is: Topic | undefined, kept: ReadonlyMap<string, Kept>): void {
    if (is?.state === "live")
      for (let n = 0; n < is.partitions; n++)
        if (!kept.has(`partitions/${is.id}/${n}`)) this.#fail(`topic ${name} is live without partition ${n}`);
    if (is !== undefined || was === undefined) return;
    this.#names.delete(was.id);
    for (const path of kept.keys())
      if (path.startsWith(`partitions/${was.id}`)) this.#fail(`topic ${name} is gone, and ${path} is there`);
    if (kept.has(`config/topics/${name}`)) this.#fail(`topic ${name} is gone, and its settings are there`);
  }

  #checkPartition(path: string, isNew: boolean): void {
    const [kind, id, partition] = path.split("/");
    if (kind !== "partitions" || partition === undefined || !isNew) return;
    if (id !== undefined && !this.#names.has(id)) this.#fail(`${path} came, and there is no such topic`);
  }

  #mark(was: Topic | undefined, is: Topic | undefined, term: number): void {
    const id = (is ?? was)?.id ?? "";
    const isUnfinished = is !== undefined && (is.state !== "live" || is.growth !== null);
    if (isUnfinished && !this.#begunIn.has(id)) this.#begunIn.set(id, term);
    if (isUnfinished) return;
    const begun = this.#begunIn.get(id);
    this.#begunIn.delete(id);
    if (begun !== undefined && begun !== term)
      this.#sometimes("what a controller had begun with a topic, another one finished");
    if (is === undefined) this.#sometimes("a topic was deleted");
    else if (was?.state === "live" && is.partitions > was.partitions) this.#sometimes("a topic grew");
  }
}
