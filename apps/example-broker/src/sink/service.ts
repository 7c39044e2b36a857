/** The sink as a process that others talk to. Owns its listener and the words of its requests; what they do is in effects.ts. */
import { BrokerError } from "../wire/errors.ts";
import { Fields } from "../wire/fields.ts";
import { Listener } from "../wire/listener.ts";
import type { Address } from "../wire/peer.ts";
import type { Effects, Position, SinkCounts } from "./effects.ts";

export interface SinkRequests {
  readonly claim: {
    readonly request: { readonly partition: number; readonly token: number };
    readonly reply: Position;
  };
  readonly apply: {
    readonly request: {
      readonly partition: number;
      readonly token: number;
      readonly offset: number;
      readonly id: string;
    };
    readonly reply: Position;
  };
  readonly status: {
    readonly request: Readonly<Record<string, never>>;
    readonly reply: SinkCounts & { readonly positions: readonly (readonly [partition: number, nextOffset: number])[] };
  };
}

export function serveSink(effects: Effects, at: Address, onFault: (error: unknown) => void): Promise<Listener> {
  const answer = (operation: string, body: unknown): unknown => {
    const fields = new Fields(body);
    const partition = (): number => fields.whole("partition");
    const token = (): number => fields.whole("token", 1);
    switch (operation) {
      case "claim":
        return effects.claim(partition(), token());
      case "apply":
        return effects.apply(partition(), token(), fields.whole("offset"), fields.text("id"));
      case "status":
        return {
          ...effects.counts,
          positions: [...effects.positions()].map(([at, { nextOffset }]) => [at, nextOffset]),
        };
      default:
        throw new BrokerError("INVALID_REQUEST", "no such operation");
    }
  };
  return Listener.open(at, async (operation, body) => answer(operation, body), onFault);
}
