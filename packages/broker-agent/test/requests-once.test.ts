/** Whatever fails while an administrator asks for something, it is done once, and who asked is told what came of it. */
import { describe, expect, test } from "vitest";
import {
  administered,
  type Administered,
  type Asked,
  effectsOn,
  EVERY_OPERATION,
  withoutIds,
} from "./administering.ts";

/** More would be a loop that never ends. */
const WRITES_MAX = 10;
/** Numbers of clients, in the order in which they connect. */
const ASKER = 1;
const CONTROLLER = 2;

interface Outcome {
  readonly answer: string;
  readonly effects: Record<string, string>;
}

/** What fails: set up before anything is asked; what it returns is done when nothing goes on by itself any more. */
type Failing = (world: Administered) => () => Promise<unknown> | void;

/** In a world of its own. */
async function run(
  { prepare, ask }: Asked,
  failing: Failing = () => () => undefined,
  log: "memory" | "file" = "memory",
): Promise<Outcome> {
  await using world = await administered({ brokers: 4, log });
  const { cluster, admin } = world;
  await prepare(cluster);
  await admin.refresh();
  await cluster.server.clock.runUntilIdle();
  const then = failing(world);
  const asking = ask(admin);
  // Looked at when the world has settled.
  asking.catch(() => undefined);
  await cluster.server.clock.runUntilIdle();
  await then();
  await cluster.settle();
  return { answer: withoutIds(JSON.stringify((await asking) ?? null)), effects: effectsOn(world) };
}

const undisturbedRuns = new Map<string, Promise<Outcome>>();

function undisturbedRun(asked: Asked): Promise<Outcome> {
  const known = undisturbedRuns.get(asked.op) ?? run(asked);
  undisturbedRuns.set(asked.op, known);
  return known;
}

/** The requests that stand in the queue. */
function left({ effects }: Outcome): string[] {
  return Object.keys(effects).filter((path) => path.includes("/requests/"));
}

describe.for(EVERY_OPERATION)("$op", { timeout: 60_000 }, (asked) => {
  test("is done once, whichever of its writes the controller dies before or after", async () => {
    const undisturbed = await undisturbedRun(asked);
    expect(left(undisturbed)).toEqual([]);
    for (const loss of ["dropRequest", "dropReply"] as const) {
      let writes = 0;
      for (let isStruck = true; isStruck && writes < WRITES_MAX; writes += 1) {
        const outcome = await run(asked, ({ cluster }) => {
          const fault = cluster.server.faults[loss]({ op: "multi", client: CONTROLLER, nth: writes + 1 });
          return () => {
            isStruck = fault.hits > 0;
            return isStruck ? cluster.kill(1) : undefined;
          };
        });
        expect(outcome, `${loss} of write ${writes + 1}`).toEqual(undisturbed);
      }
      // Each has at least one, and the last time nothing was struck.
      expect(writes).toBeGreaterThan(1);
      expect(writes).toBeLessThan(WRITES_MAX);
    }
  });

  test("is done once, when what asks for it is lost, or the reply, or who asks loses the session right after", async () => {
    const undisturbed = await undisturbedRun(asked);
    const losses = [
      { loss: "dropRequest", expires: false },
      { loss: "dropReply", expires: false },
      { loss: "dropRequest", expires: true },
      { loss: "dropReply", expires: true },
    ] as const;
    for (const { loss, expires } of losses) {
      const outcome = await run(asked, ({ cluster: { server, client } }) => {
        const fault = server.faults[loss]({ op: "create", client: ASKER });
        return () => {
          expect(fault.hits).toBe(1);
          return expires ? server.faults.expire(client) : undefined;
        };
      });
      expect(outcome, `${loss}, ${expires ? "and the session" : "no more"}`).toEqual(undisturbed);
    }
  });
  test("is done once, when the controller's write is still on its way while the next controller does it", async () => {
    const undisturbed = await undisturbedRun(asked);
    const outcome = await run(asked, ({ cluster }) => {
      const { server } = cluster;
      const { client } = cluster.broker(1);
      // It hears everything, and nothing that it sends arrives.
      const partition = server.faults.partition(client, { oneWay: "to-server" });
      return async () => {
        await server.faults.expire(client);
        await server.clock.runUntilIdle();
        partition.end();
      };
    });
    expect(outcome).toEqual(undisturbed);
  });

  test("is done once, when the power of the server fails while it is asked for", async () => {
    const undisturbed = await undisturbedRun(asked);
    const outcome = await run(asked, crashing, "file");
    function crashing({ cluster: { server } }: Administered): () => Promise<void> {
      let restarting: Promise<void> | undefined;
      const fault = server.faults.at({ op: "create", client: ASKER }, () => {
        restarting = server.faults.restart({ crash: true });
      });
      return async () => {
        expect(fault.hits).toBe(1);
        await restarting;
      };
    }
    expect(outcome).toEqual(undisturbed);
  });
});
