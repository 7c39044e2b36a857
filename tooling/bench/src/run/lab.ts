/**
 * What all parts of a run share: the systems, the scale, the directory for data, and the results as they grow. A part that
 * fails is noted, and the run goes on: the others are worth having, and the page says what is missing.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Growing, SystemName } from "../report/results.ts";
import type { System } from "../systems/system.ts";
import type { Scale } from "./scale.ts";

export class Lab {
  readonly systems: readonly System[];
  readonly scale: Scale;
  /** On a disk that is meant to hold data. */
  readonly directory: string;
  readonly results: Growing;
  /** Of the repository. */
  readonly root: string;
  #directories = 0;

  constructor(systems: readonly System[], scale: Scale, directory: string, results: Growing, root: string) {
    this.systems = systems;
    this.scale = scale;
    this.directory = directory;
    this.results = results;
    this.root = root;
  }

  say(line: string): void {
    console.log(line);
  }

  /** An empty directory of its own; goes with `drop`. */
  freshDirectory(name: string): string {
    const directory = join(this.directory, `${name}-${++this.#directories}`);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return directory;
  }

  drop(directory: string): void {
    rmSync(directory, { recursive: true, force: true });
  }

  /** What `work` comes to; undefined if it failed, and then it stands in the results why. */
  async attempt<T>(system: SystemName | "floors", what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.results.failures.push({ system, what, why });
      this.say(`FAILED: ${system}, ${what}: ${why}`);
      return undefined;
    }
  }

  /** What runs, for the page: once each. */
  noteServer(system: SystemName, commandLine: string): void {
    // Whoever repeats it has other directories.
    const shown = commandLine.replaceAll(this.directory, "DATA").replaceAll(`${this.root}/`, "");
    this.#note(system, (facts) => ({ ...facts, commandLine: facts.commandLine ?? shown }));
  }

  noteClient(system: SystemName, variant: string, client: string, processorsMax: number): void {
    const known = { variant, client, processorsMax: Number.isFinite(processorsMax) ? processorsMax : null };
    this.#note(system, (facts) =>
      facts.clients.some((one) => one.variant === variant) ? facts : { ...facts, clients: [...facts.clients, known] },
    );
  }

  #note(system: SystemName, change: (facts: Growing["systems"][number]) => Growing["systems"][number]): void {
    this.results.systems = this.results.systems.map((facts) => (facts.name === system ? change(facts) : facts));
  }
}
