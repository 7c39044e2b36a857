/** What the programs of a group share: the broker and the sink, which outlive them, and the notes that are judged. */
import { drawFrom, type Process } from "@corral/testing/world";
import type { TraceEvent } from "@corral/consumer-group";
import { type Notes, newNotes } from "../../check/groups/notes.ts";
import type { Stage } from "../cast.ts";
import { Broker, BrokerView } from "./broker.ts";
import type { GroupMark } from "./marks.ts";
import { type Scenario, scenarioOf } from "./scenario.ts";
import { Sink } from "./sink.ts";

export class Surroundings {
  readonly stage: Stage;
  readonly scenario: Scenario;
  readonly notes: Notes = newNotes();
  /** What the consumers tell of themselves: for the package's own rules, which are checked beside. */
  readonly told: TraceEvent[] = [];
  readonly broker: Broker;
  readonly sink: Sink;
  isCalm = false;

  constructor(stage: Stage) {
    this.stage = stage;
    this.scenario = scenarioOf(stage.plan, stage.plant);
    this.broker = new Broker(this.notes.ends);
    this.sink = new Sink(this.notes.applied, stage.plant === "sink-ignores-tokens", () => this.at);
  }

  /** How long the committed log is. */
  get at(): number {
    return this.stage.history.entries.length;
  }

  /** The broker, as this life of a program sees it. */
  viewFor(life: string, process: Process): BrokerView {
    return new BrokerView(this.broker, process, drawFrom(this.stage.plan.seed, `group broker ${life}`));
  }

  sometimes(mark: GroupMark): void {
    this.stage.sometimes(mark);
  }

  violation(what: string): void {
    this.stage.violate("group client", what);
  }
}
