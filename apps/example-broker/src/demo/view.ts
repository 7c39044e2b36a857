/** The demo as people see it: a table that is drawn anew in place on a terminal, plain lines otherwise. Reads; changes nothing. */
import { BROKERS, FOURTH, PARTITIONS, REPLICAS } from "./cast.ts";
import type { Observer } from "./observer.ts";

const DRAW_MS = 250;
/** Without a terminal, one line so often, milliseconds. */
const LINE_MS = 5_000;
/** News kept on the terminal's page. */
const NEWS_MAX = 8;

export class View {
  readonly #observer: Observer;
  readonly #isLive: boolean;
  readonly #timer: NodeJS.Timeout;
  readonly #begin = performance.now();
  readonly #news: string[] = [];
  #drawn = 0;
  #rate = { at: performance.now(), acknowledged: 0, effects: 0, text: "" };

  constructor(observer: Observer) {
    this.#observer = observer;
    this.#isLive = process.stdout.isTTY;
    this.#timer = setInterval(
      () => {
        if (this.#isLive) this.#draw();
        else console.log(`${this.#clock()}   ${this.#summary()}`);
      },
      this.#isLive ? DRAW_MS : LINE_MS,
    );
  }

  /** A step of the demo. */
  step(text: string): void {
    this.#print(`\n${this.#clock()} ▸ ${text}`);
  }

  /** What came of it. */
  result(text: string): void {
    this.#print(`${this.#clock()}   ${text}`);
  }

  /** Something that a process said: on the live page only; it is in its log anyway. */
  news(text: string): void {
    this.#news.push(text.split("\n", 1)[0] ?? "");
    if (this.#news.length > NEWS_MAX) this.#news.shift();
  }

  /** The last picture stays. */
  close(): void {
    clearInterval(this.#timer);
    if (this.#isLive) this.#draw();
    this.#drawn = 0;
  }

  #print(text: string): void {
    this.#erase();
    console.log(text);
    if (this.#isLive) this.#draw();
  }

  #draw(): void {
    const lines = this.#page().map((line) => line.slice(0, Math.max(20, process.stdout.columns - 1)));
    this.#erase();
    process.stdout.write(lines.map((line) => `${line}\n`).join(""));
    this.#drawn = lines.length;
  }

  #erase(): void {
    if (this.#drawn > 0) process.stdout.write(`\u001B[${this.#drawn}A\u001B[0J`);
    this.#drawn = 0;
  }

  #page(): string[] {
    const seen = this.#observer;
    const partitions = seen.partitions();
    const live = new Set(seen.brokers());
    const brokers = [...BROKERS, FOURTH].map((id) => {
      const leads = partitions.filter(({ leader }) => leader === id).length;
      const keeps = partitions.filter(({ replicas }) => replicas.includes(id)).length;
      const isController = seen.controller === id ? "  controller" : "";
      const epoch = seen.admin.image.broker(id)?.epoch;
      return `  broker ${id}    ${live.has(id) ? "up  " : "down"}  leads ${pad(leads)}  keeps ${pad(keeps)}${epoch === undefined ? "" : `  epoch ${epoch}`}${isController}`;
    });
    const consumers = seen.consumers().map(([name, status]) => {
      const leads = status?.isLeader === true ? "  leads the group" : "";
      const held = status?.held.toSorted((a, b) => a - b).join(" ") ?? "";
      return `  consumer ${name}  ${(status?.state ?? "down").padEnd(22)} epoch ${pad(status?.memberEpoch ?? 0)}  has ${held}${leads}`;
    });
    return ["", ...brokers, ...consumers, `  ${this.#summary()}`, ...this.#news.map((news) => `  · ${news}`)];
  }

  #summary(): string {
    const seen = this.#observer;
    const partitions = seen.partitions();
    const leaderless = partitions.filter(({ leader }) => leader === null).length;
    const thin = partitions.filter(({ isr }) => isr.length < REPLICAS).length;
    const moving = partitions.filter(({ isMoving }) => isMoving).length;
    const troubles = [
      leaderless > 0 ? `${leaderless} without leader` : "",
      thin > 0 ? `${thin} under-replicated` : "",
      moving > 0 ? `${moving} moving` : "",
    ].filter((trouble) => trouble !== "");
    const health = troubles.length === 0 ? `all ${PARTITIONS} partitions in sync` : troubles.join(", ");
    return `${this.#rates()} · lag ${seen.lag} · ${health} · fenced writes ${seen.sink.fenced}`;
  }

  /** Over the last second or so. */
  #rates(): string {
    const now = performance.now();
    const seconds = (now - this.#rate.at) / 1_000;
    if (seconds >= 1) {
      const { acknowledged, sink } = this.#observer;
      const [written, read] = [acknowledged - this.#rate.acknowledged, sink.effects - this.#rate.effects];
      const text = `${Math.round(written / seconds)} acknowledged/s · ${Math.round(read / seconds)} consumed/s`;
      this.#rate = { at: now, acknowledged, effects: sink.effects, text };
    }
    return this.#rate.text;
  }

  #clock(): string {
    return `${((performance.now() - this.#begin) / 1_000).toFixed(1).padStart(6)} s`;
  }
}

const pad = (value: number): string => String(value).padStart(2);
