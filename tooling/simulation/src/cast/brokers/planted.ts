/** Mistakes of an agent, built in where it writes and where it is told of changes: between it and its client. */
import type { Client, Operation, Subscription, WriteOptions } from "@corral/client";
import { type MultiOp, Op } from "@corral/protocol";
import type { Partition } from "../../check/brokers/partition-law.ts";
import type { Plant } from "../../plant.ts";
import { altered, isController } from "./stumbling.ts";

type Multi = Pick<Client, "multi" | "multiEach">;
type Change = (state: Partition) => Partition;

/** A change that is not told, among so many. */
const LOST_OF = 7;

/** The client as it is, or one with a mistake. */
export function plantedClient(client: Client, mistake: Plant | undefined): Client {
  switch (mistake) {
    case "agent-writes-unguarded":
      return altered(client, {
        multi: (operations, options) => client.multi(operations, { ...options, guard: [] }),
        multiEach: (operations, options) =>
          client.multiEach(operations.map(unconditional) as never, { ...options, guard: [] }),
      });
    case "agent-keeps-the-epoch":
      return electing(client, (state) => ({ ...state, leaderEpoch: Math.max(0, state.leaderEpoch - 1) }));
    case "agent-elects-strangers":
      return electing(client, (state) => {
        const stranger = state.replicas.find((id) => !state.isr.includes(id));
        return stranger === undefined ? state : { ...state, leader: stranger, isr: [...state.isr, stranger] };
      });
    case "agent-misses-changes":
      return altered(client, {
        subscribe: async (path, options) => forgetful(await client.subscribe(path, options as never)) as never,
      });
    default:
      return client;
  }
}

/** Changes the partitions that a controller writes. */
function electing(client: Client, change: Change): Client {
  const changed = <O extends readonly Operation<unknown>[]>(operations: O, options: WriteOptions | undefined): O =>
    (isController(options) ? operations.map((one) => rewritten(one, change)) : operations) as unknown as O;
  return altered(client, {
    multi: (operations, options) => client.multi(changed(operations, options), options),
    multiEach: (operations, options) => client.multiEach(changed(operations, options), options),
  } satisfies Multi);
}

const rewritten = (operation: Operation<unknown>, change: Change): Operation<unknown> =>
  wired(operation, (one) => {
    if (one.op !== Op.set || one.data === null || !/\/partitions\/[^/]+\/\d+$/.test(one.path)) return one;
    const state = JSON.parse(Buffer.from(one.data).toString("utf8")) as Partition;
    return { ...one, data: Buffer.from(JSON.stringify(change(state))) };
  });

/** Without the version that a change is made of. */
const unconditional = (operation: Operation<unknown>): Operation<unknown> =>
  wired(operation, (one) => (one.op === Op.set ? { ...one, version: -1 } : one));

const wired = (operation: Operation<unknown>, change: (one: MultiOp) => MultiOp): Operation<unknown> => ({
  ...operation,
  wire: (view) => operation.wire(view).map(change),
});

/** One of so many changes is left out. */
function forgetful<T>(subscription: Subscription<T>): Subscription<T> {
  let changes = 0;
  const next: Subscription<T>["next"] = async () => {
    for (;;) {
      const told = await subscription.next();
      if (told.done === true || told.value.kind !== "changed" || ++changes % LOST_OF > 0) return told;
    }
  };
  return {
    path: subscription.path,
    get cursor() {
      return subscription.cursor;
    },
    next,
    close: () => subscription.close(),
    return: () => subscription.return(),
    [Symbol.asyncIterator]() {
      return this;
    },
    [Symbol.asyncDispose]: () => subscription.close(),
  };
}
