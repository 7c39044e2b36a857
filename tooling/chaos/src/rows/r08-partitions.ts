/** R8: a bad network between clients and corrald. */
import { setTimeout as wait } from "node:timers/promises";
import { between } from "@corral/testing/world";
import { BadNetwork, type Mode } from "../proxy.ts";
import type { Row } from "../row.ts";
import { Siege } from "../siege.ts";

const SESSION_MS = 2_000;
type Kind = Exclude<Mode, "open"> | "reset" | "cut in a frame";
const KINDS: readonly Kind[] = [
  "hole",
  "hole-to-server",
  "hole-from-server",
  "delay",
  "throttle",
  "drip",
  "reset",
  "cut in a frame",
];
const ROUNDS = { full: 3, quick: 1 };
const LASTS_MS = { least: 300, most: 1_800 };
/** Past the sessions' end: everybody has to begin anew. */
const LONG_MS = 3 * SESSION_MS;
const PAUSE_MS = 250;

export const partitions: Row = {
  name: "R8",
  title: "partitions, resets, delays and cuts in the middle of a frame",
  boundMs: 240_000,
  async run(stage) {
    const draw = stage.draw("network");
    const faults = Array.from({ length: stage.isQuick ? ROUNDS.quick : ROUNDS.full }, () =>
      KINDS.map((kind) => ({ kind, ms: between(draw, LASTS_MS.least, LASTS_MS.most) })),
    ).flat();
    if (!stage.isQuick) faults.push({ kind: "hole", ms: LONG_MS }, { kind: "hole-from-server", ms: LONG_MS });
    stage.say(faults.map(({ kind, ms }) => `${kind} ${ms} ms`).join(", "));
    let target = "";
    const network = await BadNetwork.open(() => target);
    stage.atEnd(() => network.close());
    const siege = await Siege.lay(stage, {
      clients: 4,
      load: { sessionTimeoutMs: SESSION_MS },
      through: (url) => {
        target = url;
        return network.url;
      },
    });
    for (const { kind, ms } of faults) {
      if (kind === "reset") network.reset();
      else if (kind === "cut in a frame") network.cutInFrame();
      else {
        network.mode = kind;
        await wait(ms);
        network.mode = "open";
      }
      await wait(PAUSE_MS);
    }
    Object.assign(siege.figures, {
      faults: faults.length,
      connections: network.accepted,
      "sessions lost": siege.load.lost.server + siege.load.lost["local-deadline"],
    });
    return siege.end();
  },
};
