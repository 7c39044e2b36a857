/** A cache that is opened, that has to be up to date, and that is followed. Whatever strikes it, it comes to what the server has. */
import { isCorralError, text } from "@corral/client";
import { expect } from "vitest";
import { type Cache, cache, type CacheChange } from "../../../src/cache.ts";
import type { Outcome, Scenario, Stage } from "../scenario.ts";

const PATH = "/app";
const utf8 = new TextDecoder();

function dumpOf({ server }: Stage): [string, string][] {
  return server
    .dump()
    .filter(({ path }) => path === PATH || path.startsWith(`${PATH}/`))
    .map(({ path, data }) => [path, utf8.decode(data ?? new Uint8Array())]);
}

const sorted = (entries: Iterable<readonly [string, string]>): (readonly [string, string])[] =>
  [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1));

async function prepare({ other }: Stage): Promise<void> {
  for (const name of ["a", "b", "c"]) await other.create(`${PATH}/${name}`, name, { codec: text, parents: true });
}

/** Has what the server has, also of what changes now; and then it is closed. */
async function isInSync(stage: Stage, mine: Cache<string>): Promise<void> {
  const { other, eventually } = stage;
  await other.delete(`${PATH}/b`, { missing: "ok" });
  const { stat } = await other.create(`${PATH}/probe`, "probe", { codec: text });
  await eventually(mine.atLeast(stat.czxid));
  expect(mine.freshness).toBe("live");
  expect(sorted([...mine.entries()].map(({ path, value }) => [path, value] as const))).toEqual(sorted(dumpOf(stage)));
  await mine.close();
}

/** Ended by its signal it gives nothing that may be old. */
function isOver(mine: Cache<string>): boolean {
  try {
    return mine.size < 0;
  } catch (error) {
    return isCorralError(error, "CLOSED");
  }
}

const open = ({ subject, signal }: Stage): Promise<Cache<string>> => cache(subject, PATH, { codec: text, signal });
const openForGood = ({ subject }: Stage): Promise<Cache<string>> => cache(subject, PATH, { codec: text });

export const scenarios: readonly Scenario[] = [
  {
    name: "cache: open",
    prepare,
    act: open,
    async settled(stage, outcome: Outcome) {
      if (!("value" in outcome)) return;
      const mine = outcome.value as Cache<string>;
      if (stage.signal.aborted) expect(isOver(mine)).toBe(true);
      else await isInSync(stage, mine);
    },
  },
  {
    name: "cache: read what one has written",
    async prepare(stage) {
      await prepare(stage);
      return openForGood(stage);
    },
    async act({ subject, signal }, prepared) {
      const mine = prepared as Cache<string>;
      const { stat } = await subject.create(`${PATH}/mine`, "mine", { codec: text, signal });
      await mine.atLeast(stat.czxid, { signal });
      return mine.has(`${PATH}/mine`);
    },
    async settled(stage, outcome, prepared) {
      if ("value" in outcome) expect(outcome.value).toBe(true);
      await isInSync(stage, prepared as Cache<string>);
    },
  },
  {
    name: "cache: be at least where the server is",
    async prepare(stage) {
      await prepare(stage);
      const mine = await openForGood(stage);
      await stage.other.create("/elsewhere");
      return mine;
    },
    async act({ subject, signal }, prepared) {
      const mine = prepared as Cache<string>;
      const zxid = await subject.sync("/", { signal });
      await mine.atLeast(zxid, { signal });
      expect(mine.zxid).toBeGreaterThanOrEqual(zxid);
    },
    settled: (stage, _outcome, prepared) => isInSync(stage, prepared as Cache<string>),
  },
  {
    name: "cache: tell what changes",
    async prepare(stage) {
      await prepare(stage);
      const mine = await openForGood(stage);
      const map = new Map<string, string>();
      const take = (change: CacheChange<string>): unknown =>
        "now" in change ? map.set(change.path, change.now.value) : map.delete(change.path);
      const reading = (async () => {
        for await (const change of mine.changes({ replay: true })) take(change);
      })();
      return { mine, map, reading };
    },
    async act({ subject, signal }) {
      await subject.set(`${PATH}/a`, "new", { codec: text, signal });
      await subject.delete(`${PATH}/b`, { signal });
      await subject.create(`${PATH}/c/d`, "d", { codec: text, signal });
    },
    async settled(stage, _outcome, prepared) {
      const { mine, map, reading } = prepared as {
        readonly mine: Cache<string>;
        readonly map: ReadonlyMap<string, string>;
        readonly reading: Promise<void>;
      };
      await isInSync(stage, mine);
      await stage.eventually(reading);
      expect(sorted(map)).toEqual(sorted(dumpOf(stage)));
    },
  },
];
