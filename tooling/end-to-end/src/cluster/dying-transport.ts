/**
 * A transport that ends its process by SIGKILL at a certain write: between any two writes of a controller there is one moment,
 * and this is how a test gets there. Counts requests that change something in one transaction, as the controller sends them.
 */
import type { Transport, Wire } from "@corral/client";
import { wsTransport } from "@corral/client";
import { decodeFrame, Op, type Value } from "@corral/protocol";

const WRITES: ReadonlySet<number> = new Set([Op.multi, Op.multiEach]);

export class DyingTransport implements Transport {
  readonly #dieAt: number;
  readonly #when: "before" | "after";
  /** Is the process a controller, so that its writes count? */
  readonly #counts: () => boolean;
  writes = 0;

  constructor(dieAt: number, when: "before" | "after", counts: () => boolean) {
    this.#dieAt = dieAt;
    this.#when = when;
    this.#counts = counts;
  }

  async connect(...args: Parameters<Transport["connect"]>): Promise<Wire> {
    const wire = await wsTransport.connect(...args);
    const send = wire.send.bind(wire);
    wire.send = (bytes) => {
      if (!this.#countOf(bytes)) {
        send(bytes);
        return;
      }
      if (this.#when === "before") process.kill(process.pid, "SIGKILL");
      send(bytes);
      // What was handed over is in the socket's buffer: it leaves with the turn that follows.
      setTimeout(() => process.kill(process.pid, "SIGKILL"), 20);
    };
    return wire;
  }

  /** Is the write at which to die among these? */
  #countOf(bytes: Uint8Array): boolean {
    if (!this.#counts()) return false;
    const before = this.writes;
    for (const message of decodeFrame(bytes, Number.MAX_SAFE_INTEGER).values) {
      if (WRITES.has((message as readonly Value[])[1] as number)) this.writes++;
    }
    return this.#dieAt > before && this.#dieAt <= this.writes;
  }
}
