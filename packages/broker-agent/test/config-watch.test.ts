/** Hosts that follow settings: each change once, in order, none missed, through a storm of them and whatever breaks meanwhile. */
import { type Client, type ClientStats, op } from "@corral/client";
import { describe, expect, test } from "vitest";
import { ALL_BROKERS } from "../src/config/entity.ts";
import { LiveSettings, type SettingChange } from "../src/config/live-settings.ts";
import { mergeSchema } from "../src/config/schema.ts";
import type { ClusterImage } from "../src/image/cluster-image.ts";
import { configCodec } from "../src/records.ts";
import { broker, type Configuring, configuring, PATHS, remove, set, topic } from "./configuring.ts";

const SCHEMA = mergeSchema({
  "log.retention.ms": { type: "integer", default: "0", scope: "topic", doc: "" },
  "max.connections": { type: "integer", default: "0", scope: "broker", perListener: true, doc: "" },
});
const CHANGES = 1_000;

const live = (image: ClusterImage, onError: (error: unknown, where: string) => void = rethrow) =>
  new LiveSettings(image, { schema: SCHEMA, broker: 1, onError });
const rethrow = (error: unknown): never => {
  throw error;
};

describe("a watch of a setting", () => {
  test("tells each change of what counts, wherever it was made, and nothing else", async () => {
    await using its = await configuring(["orders", "other"], { schema: SCHEMA });
    const settings = live(its.image);
    const told: SettingChange<number>[] = [];
    const stop = settings.watch("log.retention.ms", { topic: "orders" }, (change) => told.push(change));
    await its.alter(ALL_BROKERS, set("log.retention.ms", "1"));
    await its.alter(topic("orders"), set("log.retention.ms", "2"));
    // Below what counts, of another topic, another broker, another setting, and to the same value.
    await its.alter(ALL_BROKERS, set("log.retention.ms", "3"));
    await its.alter(topic("other"), set("log.retention.ms", "4"));
    await its.alter(broker(2), set("log.retention.ms", "5"));
    await its.alter(topic("orders"), set("min.insync.replicas", "2"));
    await its.alter(broker(1), set("log.retention.ms", "2"));
    await its.alter(topic("orders"), remove("log.retention.ms"));
    await its.alter(broker(1), remove("log.retention.ms"));
    expect(told.map(({ before, now }) => [before, now])).toEqual([
      [0, 1],
      [1, 2],
      [2, 3],
    ]);
    const zxids = told.map(({ zxid }) => zxid);
    expect(zxids).toEqual([...new Set(zxids)].toSorted((a, b) => a - b));
    stop();
    stop();
    await its.alter(ALL_BROKERS, set("log.retention.ms", "9"));
    expect(told).toHaveLength(3);
  });

  test("of a listener follows that listener's values", async () => {
    await using its = await configuring([], { schema: SCHEMA });
    const told: (readonly [number, number])[] = [];
    live(its.image).watch("max.connections", { listener: "a" }, ({ before, now }) => told.push([before, now]));
    await its.alter(broker(1), set("max.connections", "1"));
    await its.alter(ALL_BROKERS, set("listener.name.a.max.connections", "2"));
    await its.alter(ALL_BROKERS, set("listener.name.b.max.connections", "3"));
    expect(told).toEqual([
      [0, 1],
      [1, 2],
    ]);
  });

  test("that throws harms no other, and may end itself and others while it is told", async () => {
    await using its = await configuring([], { schema: SCHEMA });
    const [errors, told]: [string[], string[]] = [[], []];
    const settings = live(its.image, (error, where) => errors.push(`${where}: ${(error as Error).message}`));
    const stops: (() => void)[] = [];
    settings.watch("max.connections", {}, () => {
      throw new Error("oh");
    });
    stops.push(
      settings.watch("max.connections", {}, () => {
        told.push("second");
        for (const stop of stops) stop();
      }),
    );
    stops.push(settings.watch("max.connections", {}, () => told.push("third")));
    settings.watch("max.connections", {}, () => told.push("fourth"));
    await its.alter(broker(1), set("max.connections", "1"));
    await its.alter(broker(1), set("max.connections", "2"));
    expect(told).toEqual(["second", "fourth", "fourth"]);
    expect(errors).toEqual(Array.from({ length: 2 }, () => "watch of setting max.connections: oh"));
    settings.close();
    await its.alter(broker(1), set("max.connections", "3"));
    expect(told).toHaveLength(3);
  });
});

/** What breaks for the first of those who follow, while the sixth to the eighth hundred of the changes is made, and how it is mended. */
interface Break {
  readonly what: string;
  readonly begin: (its: Configuring, reader: Client) => (() => Promise<void> | void) | Promise<void> | void;
  /** That it did happen. */
  readonly hit: (stats: ClientStats) => boolean;
  /** May what came and went meanwhile be left out? */
  readonly gap?: true;
}
const BREAKS: readonly Break[] = [
  {
    what: "its connection",
    begin: ({ server }, reader) => {
      server.faults.cut(reader);
    },
    hit: ({ reconnects }) => reconnects === 1,
  },
  {
    what: "its network for more than its session",
    begin: ({ server }, reader) => {
      const partition = server.faults.partition(reader);
      return async () => {
        await server.clock.advance(20_000);
        partition.end();
      };
    },
    hit: ({ sessionsLost }) => sessionsLost === 1,
  },
  {
    what: "its session",
    begin: ({ server }, reader) => server.faults.expire(reader),
    hit: ({ sessionsLost }) => sessionsLost === 1,
  },
  {
    what: "the server, by loss of power",
    begin: ({ server }) => server.faults.restart({ crash: true }),
    hit: ({ reconnects }) => reconnects === 1,
  },
  {
    what: "its network until the past is forgotten",
    begin: ({ server }, reader) => {
      const partition = server.faults.partition(reader);
      return async () => {
        await server.clock.advance(20_000);
        server.faults.forgetHistory();
        partition.end();
      };
    },
    hit: ({ sessionsLost }) => sessionsLost === 1,
    gap: true,
  },
];

describe("in a storm of 1,000 changes", () => {
  test.each(BREAKS)(
    "of one entity, whoever loses $what misses no change, and has the last value",
    async ({ begin, hit, gap }) => {
      await using its = await configuring([], { schema: SCHEMA }, { log: "file" });
      const readers = [await its.reader(), await its.reader(), await its.reader()];
      const told = readers.map(({ image }) => {
        const edges: SettingChange<number>[] = [];
        live(image).watch("max.connections", {}, (change) => edges.push(change));
        return edges;
      });
      await storm(its, "max.connections", [PATHS.configOf("brokers", "1")], () => begin(its, readers[0]!.client));
      const last = await its.client.sync();
      await Promise.all(readers.map(({ image }) => image.atLeast(last)));
      expect(hit(readers[0]!.client.stats())).toBe(true);
      for (const [at, edges] of told.entries()) {
        chained(edges, CHANGES);
        // Only where the server has forgotten may several changes be told as one.
        if (gap === undefined || at > 0) expect(edges.map(({ now }) => now)).toEqual(numbers(CHANGES));
        else expect(edges.length).toBeLessThanOrEqual(CHANGES - 299);
      }
    },
  );

  test.each(BREAKS)(
    "of a hundred entities, whoever loses $what misses no change, has the last values, and the order of all",
    async ({ begin, hit, gap }) => {
      const topics = numbers(100).map((at) => `t${at}`);
      await using its = await configuring(topics, { schema: SCHEMA }, { log: "file" });
      const readers = [await its.reader(), await its.reader()];
      const told = readers.map(({ image }) => {
        const settings = live(image);
        const all: SettingChange<number>[] = [];
        const byTopic = topics.map((name) => {
          const edges: SettingChange<number>[] = [];
          settings.watch("log.retention.ms", { topic: name }, (change) => {
            edges.push(change);
            all.push(change);
          });
          return edges;
        });
        return { all, byTopic };
      });
      const paths = topics.map((name) => PATHS.configOf("topics", name));
      await storm(its, "log.retention.ms", paths, () => begin(its, readers[0]!.client));
      const last = await its.client.sync();
      await Promise.all(readers.map(({ image }) => image.atLeast(last)));
      expect(hit(readers[0]!.client.stats())).toBe(true);
      for (const [at, { all, byTopic }] of told.entries()) {
        for (const [t, edges] of byTopic.entries()) chained(edges, CHANGES - topics.length + t + 1);
        if (gap === undefined || at > 0) expect(all.map(({ now }) => now)).toEqual(numbers(CHANGES));
        const zxids = all.map(({ zxid }) => zxid);
        expect(zxids).toEqual(zxids.toSorted((a, b) => a - b));
      }
    },
  );
});

const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1);

/** The values 1 … 1,000, over the entities in turn, a hundred under way at once; something breaks after the first 500 and is mended after 800. */
async function storm(its: Configuring, name: string, paths: readonly string[], begin: () => unknown): Promise<void> {
  const empty = { values: {}, by: "storm", atMs: 0 };
  await its.client.multi(paths.map((path) => op.create(path, empty, { codec: configCodec, parents: true })));
  let mend: unknown;
  for (let from = 0; from < CHANGES; from += 100) {
    const writes = numbers(100).map((at) => {
      const record = { values: { [name]: `${from + at}` }, by: "storm", atMs: 0 };
      return its.client.set(paths[(from + at - 1) % paths.length]!, record, { codec: configCodec });
    });
    if (from === 500) mend = await begin();
    await its.server.clock.advance(1_000);
    await Promise.all(writes);
    if (from === 700 && typeof mend === "function") await mend();
  }
  await its.server.clock.advance(10_000);
}

/** Each change begins where the one before ended, and later; the last one is the last there was. */
function chained(edges: readonly SettingChange<number>[], last: number): void {
  let [value, zxid] = [0, 0];
  for (const edge of edges) {
    expect(edge.before).toBe(value);
    expect(edge.zxid).toBeGreaterThan(zxid);
    ({ now: value, zxid } = edge);
  }
  expect(value).toBe(last);
}
