/**
 * Recipes as they are often written, each with one mistake, so that the table can be seen to find it: under the faults that bring it
 * to light, and under no others.
 */
import { type Client, CorralError, isCorralError, type Watch } from "@corral/client";
import { expect } from "vitest";
import { FAULTS } from "./faults.ts";
import type { Scenario } from "./scenario.ts";
import { NONE } from "./selection.ts";
import type { Row } from "./table.ts";

export interface Planted {
  readonly scenario: Scenario;
  /** Faults under which it fails, at one step at least. */
  readonly foundBy: readonly string[];
  /** In what is said of each of them. */
  readonly says: RegExp;
}

const QUEUE = "/locks/a";
const place = { lifetime: "ephemeral", sequential: true } as const;

/** The queue is there before anything is struck. */
const queue = async ({ other }: { readonly other: Client }): Promise<void> => {
  await other.create(QUEUE, null, { parents: true });
};

const nobodyQueues = async (other: Client): Promise<void> => {
  expect(await other.children(QUEUE)).toEqual([]);
};

/** Takes the place when it is free for the first time. */
async function succeed(client: Client, watch: Watch): Promise<void> {
  for await (const { kind } of watch) {
    if (kind === "deleted") return void (await client.create("/leader", null, { lifetime: "ephemeral" }));
  }
}

interface Successor {
  readonly watch: Watch;
  readonly succeeded: Promise<void>;
}

/** Faults that lose a message, and are over soon. */
const LOSSES: readonly string[] = [
  "drop request",
  "drop reply",
  "cut",
  "short partition",
  "restart",
  "crash before",
  "crash after",
];
const LONG_LOSSES: readonly string[] = ["long partition", "long silence", "server stall"];
/** Faults that end the session. */
const ENDS: readonly string[] = FAULTS.filter(({ codes }) => codes.includes("SESSION_EXPIRED")).map(({ name }) => name);

export const planted: readonly Planted[] = [
  {
    scenario: {
      name: "planted: leaves its contender behind when the reply is late",
      prepare: queue,
      async act({ subject }) {
        const create = async (): Promise<string> => {
          try {
            return (await subject.create(`${QUEUE}/n-`, null, { ...place, timeoutMs: 20 })).path;
          } catch (error) {
            if (isCorralError(error, "TIMEOUT")) return create();
            throw error;
          }
        };
        await subject.delete(await create());
      },
      settled: ({ other }) => nobodyQueues(other),
    },
    // Where it cannot get through for long, it asks without end.
    foundBy: FAULTS.map(({ name }) => name).filter((fault) => [...LOSSES, ...LONG_LOSSES].includes(fault)),
    says: /to deeply equal \[\]|requests, without the fault/,
  },
  {
    scenario: {
      name: "planted: deletes by name what may be another's by now",
      async prepare({ other }): Promise<Successor> {
        const watch = await other.addWatch("/leader");
        return { watch, succeeded: succeed(other, watch) };
      },
      async act({ subject }) {
        await subject.create("/leader", null, { lifetime: "ephemeral" });
        await subject.get("/").catch(() => undefined);
        await subject.delete("/leader", { missing: "ok" });
      },
      async settled({ other }, outcome, prepared) {
        const { watch, succeeded } = prepared as Successor;
        await watch.close();
        await succeeded;
        if ("value" in outcome) expect(await other.exists("/leader")).toBe(true);
      },
    },
    // While the server stands still, nobody can take the place.
    foundBy: ENDS.filter((fault) => fault !== "server stall"),
    says: /to be true/,
  },
  {
    scenario: {
      name: "planted: waits for the end of a session that has ended",
      async act({ subject }) {
        const { session } = subject;
        try {
          await subject.create("/a", null, { lifetime: "ephemeral" });
          await subject.delete("/a");
        } catch (error) {
          await new Promise((resolve) => session!.signal.addEventListener("abort", resolve));
          throw error;
        }
      },
      settled: async () => {},
    },
    foundBy: ENDS,
    says: /act hangs/,
  },
  {
    scenario: {
      name: "planted: takes it for granted that there is a session",
      async act({ subject }) {
        const ids: number[] = [];
        subject.on("state", () => ids.push(subject.session!.id));
        await subject.create("/a", null, { lifetime: "ephemeral" });
        await subject.delete("/a").finally(() => subject.session!.id);
      },
      settled: async () => {},
    },
    foundBy: ENDS,
    says: /not a CorralError/,
  },
  {
    scenario: {
      name: "planted: says that the protocol was broken",
      async act({ subject }) {
        try {
          await subject.create("/a", null, { lifetime: "ephemeral" });
          await subject.delete("/a");
        } catch (cause) {
          throw new CorralError("PROTOCOL_ERROR", { op: "planted", cause });
        }
      },
      settled: async () => {},
    },
    foundBy: ENDS,
    says: /PROTOCOL_ERROR/,
  },
  {
    scenario: {
      name: "planted: tidies up behind its own back, and nobody looks how that ends",
      async act({ subject }) {
        await subject.create("/a", null, { lifetime: "ephemeral" });
        void subject.delete("/a");
      },
      settled: async () => {},
    },
    foundBy: ENDS,
    says: /nobody caught/,
  },
  {
    scenario: {
      name: "planted: forgets its watch when it is interrupted",
      async act({ subject, signal }) {
        const watch = await subject.addWatch("/a");
        await subject.exists("/a", { signal });
        await watch.close();
      },
      settled: async () => {},
    },
    foundBy: [...ENDS, "abort"],
    says: /watches at the end: 1, without the fault 0/,
  },
  {
    scenario: {
      name: "planted: closes a client that is not its own when it meets an error",
      async act({ subject }) {
        try {
          await subject.exists("/a");
          await subject.exists("/b");
        } catch (error) {
          await subject.close();
          throw error;
        }
      },
      settled: async () => {},
    },
    foundBy: ENDS,
    says: /closed at the end: 1, without the fault 0/,
  },
  {
    scenario: {
      name: "planted: looks again and again, also when its client is closed",
      async act({ subject }) {
        await subject.exists("/a");
        const again = (): void => void subject.clock.setTimeout(again, 500);
        again();
      },
      settled: async () => {},
    },
    foundBy: ["none"],
    says: /timers after all clients were closed: 1/,
  },
];

/** Faults under which something failed, in the order of the table; `none` if it did without. */
export function foundIn({ baseline, cells }: Row): string[] {
  const found = [[NONE, [baseline]] as const, ...cells].filter(([, verdicts]) =>
    verdicts.some(({ failures }) => failures.length > 0),
  );
  return found.map(([name]) => name);
}
