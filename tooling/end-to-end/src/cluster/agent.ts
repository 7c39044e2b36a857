/** A broker as a process of its own, seen from the test that started it. */
import path from "node:path";
import { TellingProcess } from "../telling-process.ts";
import type { AgentEvent, AgentOrder, ToAgent } from "./words.ts";

/** As built, also when this file is not. */
const MAIN = path.join(import.meta.dirname, "../../dist/cluster/agent-process.js");

export class Agent extends TellingProcess<ToAgent, AgentEvent> {
  readonly id: number;
  #serial = 0;

  constructor(order: Partial<AgentOrder> & Pick<AgentOrder, "url" | "cluster" | "id">) {
    const whole: AgentOrder = {
      sessionTimeoutMs: 1_000,
      canBeController: false,
      startAs: "active",
      areFollowersComplete: false,
      dieAtWrite: 0,
      dieWhen: "before",
      ...order,
    };
    super(`broker ${order.id}`, MAIN, whole);
    this.id = order.id;
  }

  async state(): Promise<Extract<AgentEvent, { readonly told: "state" }>> {
    const serial = ++this.#serial;
    this.tell({ ask: "state", serial });
    return this.until("state", (event) => event.serial === serial);
  }
}
