/** How long it takes until the last of many watchers, each on a connection of its own, is told of a change. */
import type { Mark, WatchJob } from "../../job.ts";
import { each } from "../each.ts";
import { ROOT, VALUE, watchedPath } from "../tree.ts";
import { createBody, getBody, setBody } from "./bodies.ts";
import { type Connection, refused } from "./connection.ts";
import { Fleet } from "./fleet.ts";

/** Watches that are being set. */
const SETTING_MAX = 1_024;
const ROUND_MS_MAX = 60_000;

export async function watch(url: string, job: WatchJob, say: (mark: Mark) => void): Promise<void> {
  const { watchers, znodes } = job;
  const fleet = await Fleet.open({ url, count: watchers + 1 });
  try {
    const [writer, ...watching] = fleet.connections as [Connection, ...Connection[]];
    const round = new Round(fleet, writer, znodes, watchers);
    for (const connection of watching) connection.onEvent = () => round.told();
    const arm = (): Promise<void> =>
      each(watchers, SETTING_MAX, (w) => watching[w]!.must(getBody(watchedPath(w % znodes), true)));
    const makeTree = async (): Promise<void> => {
      await writer.must(createBody(ROOT, VALUE), "NODE_EXISTS");
      await each(znodes, writer.inFlightMax, (n) => writer.must(createBody(watchedPath(n), VALUE), "NODE_EXISTS"));
      await arm();
    };
    await fleet.trouble.orDone(makeTree());
    say({ mark: "begin" });
    const rounds: number[] = [];
    while (rounds.length < job.rounds) {
      if (rounds.length > 0) await fleet.trouble.orDone(arm());
      rounds.push(await fleet.trouble.orDone(round.run()));
    }
    const seconds = rounds.reduce((sum, each) => sum + each, 0);
    say({ mark: "end", operations: watchers * rounds.length, seconds, rounds });
    await fleet.close();
  } finally {
    fleet.destroy();
  }
}

class Round {
  readonly #fleet: Fleet;
  readonly #writer: Connection;
  readonly #znodes: number;
  readonly #watchers: number;
  #waitedFor = 0;
  #done: (() => void) | undefined;

  constructor(fleet: Fleet, writer: Connection, znodes: number, watchers: number) {
    this.#fleet = fleet;
    this.#writer = writer;
    this.#znodes = znodes;
    this.#watchers = watchers;
  }

  /** Seconds from the sets, all in flight at once, until the last watcher is told; the sets are answered as well. */
  async run(): Promise<number> {
    this.#waitedFor = this.#watchers;
    const allTold = new Promise<void>((resolve, reject) => {
      const late = (): void => reject(new Error(`${this.#waitedFor} watchers were not told`));
      const timer = setTimeout(late, ROUND_MS_MAX);
      this.#done = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    const from = performance.now();
    const sets = this.#setAll();
    await allTold;
    const seconds = (performance.now() - from) / 1_000;
    await sets;
    return seconds;
  }

  told(): void {
    if (--this.#waitedFor === 0) this.#done?.();
    else if (this.#waitedFor < 0) this.#fleet.trouble.raise(new Error("a watcher was told twice"));
  }

  /** As one message, as far as the server takes so many at once. */
  async #setAll(): Promise<void> {
    const most = this.#writer.inFlightMax;
    for (let from = 0; from < this.#znodes; from += most) {
      const answers: Promise<void>[] = [];
      for (let n = from; n < Math.min(from + most, this.#znodes); n++) answers.push(this.#set(watchedPath(n)));
      this.#writer.flush();
      await Promise.all(answers);
    }
  }

  #set(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const body = setBody(path);
      this.#writer.request(body, { answered: (code) => (code === 0 ? resolve() : reject(refused(body, code))) });
    });
  }
}
