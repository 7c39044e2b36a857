/** Settings changed by administrators, through controllers that die meanwhile, and the hosts that follow them. */
import { expect, test } from "vitest";
import { LiveSettings, type SettingChange } from "../src/config/live-settings.ts";
import { ClusterImage } from "../src/image/cluster-image.ts";
import { administered } from "./administering.ts";
import { broker, HOST, set } from "./configuring.ts";

const CHANGES = 60;
/** The first two, by the order in which clients were connected. */
const CLIENTS_OF_BROKERS = [2, 3] as const;

test("changes asked for in a row are made in that order, once each, while the controller dies; every host is told of each", async () => {
  await using its = await administered({ schema: HOST, brokers: 3 });
  const { cluster, admin } = its;
  const told: SettingChange<number>[][] = [];
  for (const { client } of cluster.brokers.slice(1)) {
    const image = await ClusterImage.open(client, cluster.paths);
    const settings = new LiveSettings(image, {
      schema: HOST,
      broker: 7,
      onError: (error) => {
        throw error;
      },
    });
    const edges: SettingChange<number>[] = [];
    settings.watch("max.connections", {}, (change) => edges.push(change));
    told.push(edges);
  }
  const asked = Array.from({ length: CHANGES }, (_, at) =>
    admin.alterConfigs([{ entity: broker(7), changes: [set("max.connections", `${at + 1}`)] }], { timeoutMs: 120_000 }),
  );
  // Some are done; the twentieth may be or not; those after it wait for the next controller.
  const { server } = cluster;
  server.faults.at({ op: "multi", client: CLIENTS_OF_BROKERS[0], nth: 20 }, () => void cluster.kill(1));
  await cluster.settle();
  await cluster.settle();
  const [first, second] = CLIENTS_OF_BROKERS.map((client) => server.requests({ op: "multi", client }).length);
  expect([first! >= 20, first! < CHANGES, second! >= CHANGES - 20]).toEqual([true, true, true]);
  const results = await Promise.all(asked);
  expect(results.map(([one]) => one?.version)).toEqual(Array.from({ length: CHANGES }, (_, at) => at));
  const expected = Array.from({ length: CHANGES }, (_, at) => [at === 0 ? 10 : at, at + 1]);
  for (const edges of told) expect(edges.map(({ before, now }) => [before, now])).toEqual(expected);
  expect(admin.image.config("brokers", "7")?.values).toEqual({ "max.connections": `${CHANGES}` });
});

test("an alteration is refused by the controller for what the schema of the hosts has against it, and nothing of it is done", async () => {
  await using its = await administered({ schema: HOST, brokers: 1, candidates: 1 });
  const bad = its.admin.alterConfigs([
    { entity: broker(1), changes: [set("max.connections", "5")] },
    { entity: broker(2), changes: [set("max.connections", "many")] },
  ]);
  const outcome = bad.then(
    () => "done",
    (error: unknown) => error,
  );
  await its.cluster.settle();
  expect(await outcome).toMatchObject({
    code: "INVALID_CONFIG",
    message: expect.stringContaining("brokers 2: 'max.connections' is 'many', not a whole number"),
  });
  expect([...its.admin.image.configs()]).toEqual([]);
});
