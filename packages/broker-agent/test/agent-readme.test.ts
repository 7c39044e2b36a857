/** The README's examples are the modules in examples/, and every one of them runs; its tables are those of the code. */
import { readdirSync, readFileSync } from "node:fs";
import { type Client } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { describe, expect, test } from "vitest";
import * as exported from "../src/index.ts";
import {
  type BrokerAgent,
  type BrokerHost,
  clusterAdmin,
  type Leading,
  QUOTAS,
  SETTINGS,
  startBroker,
} from "../src/index.ts";
import { dutiesOf } from "../src/host/duties.ts";
import { example as administering } from "./examples/administering.ts";
import { example as embedding } from "./examples/embedding.ts";
import { example as settings } from "./examples/settings.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const EXAMPLES = new URL("examples/", import.meta.url);

/** Leads with an empty log; whoever follows has at once what there is. */
class EmptyBroker implements BrokerHost {
  readonly #led = new Map<string, Leading>();

  lead(part: Leading): void {
    this.#led.set(`${part.id.topicId}/${part.id.partition}`, part);
    part.appended(0);
  }

  follow(): void {}
  stop(): void {}

  /** As if all followers had asked. */
  fetchAll({ id, image }: BrokerAgent): void {
    for (const part of this.#led.values()) {
      if (part.signal.aborted) continue;
      for (const replica of part.state.replicas) {
        const epoch = image.broker(replica)?.epoch;
        if (replica !== id && epoch !== undefined) part.fetched(replica, 0, epoch);
      }
    }
  }
}

/** With three brokers, each with a client of its own, who are gone when it is over. */
async function administer(server: TestServer, log: (line: string) => void): Promise<void> {
  const clients: Client[] = [];
  const agents: BrokerAgent[] = [];
  const hosts: EmptyBroker[] = [];
  for (const id of [1, 2, 3]) {
    const [client, host] = [await server.connect(), new EmptyBroker()];
    const endpoints = [{ name: "clients", host: "127.0.0.1", port: 9_000 + id }];
    agents.push(await startBroker(client, { cluster: "shop", id, endpoints, host }));
    clients.push(client);
    hosts.push(host);
  }
  const fetching = setInterval(() => {
    for (const [at, host] of hosts.entries()) host.fetchAll(agents[at]!);
  }, 5);
  try {
    await using admin = await clusterAdmin(clients[0]!, { cluster: "shop" });
    await administering(admin, log);
  } finally {
    clearInterval(fetching);
    for (const agent of agents) await agent.shutdown({ drain: false });
    for (const client of clients) await client.close();
  }
}

async function withClient(server: TestServer, run: (client: Client) => Promise<void>): Promise<void> {
  const client = await server.connect();
  await run(client);
  await client.close();
}

describe("the README's examples", () => {
  test("are the modules in the folder, word for word, and nothing else", () => {
    const names = readdirSync(EXAMPLES).filter((name) => name.endsWith(".ts"));
    const written = names.map((name) => readFileSync(new URL(name, EXAMPLES), "utf8"));
    const blocks = [...readme.matchAll(/```ts\n([^]*?)```/g)].map(([, block]) => block!);
    expect(blocks.toSorted()).toEqual(written.toSorted());
  });

  test.each<[name: string, run: (server: TestServer, log: (line: string) => void) => Promise<void>, lines: unknown[]]>([
    [
      "of how to embed an agent",
      (server, log) => withClient(server, (client) => embedding(client, log)),
      [expect.stringMatching(/^broker 1001 of cluster [0-9a-f]{32}$/), "committed"],
    ],
    [
      "of an administrator",
      administer,
      [
        "orders: TOPIC_ALREADY_EXISTS",
        "payments: made",
        expect.stringContaining("UNKNOWN_TOPIC_OR_PARTITION"),
        "broker 1 keeps 5",
        "broker 2 keeps 5",
        "broker 3 keeps 0",
        "0 topics in trouble",
      ],
    ],
    [
      "of settings, passwords and quotas",
      (server, log) => withClient(server, (client) => settings(client, new EmptyBroker(), log)),
      [
        "segments: 1048576, now 4096",
        "new topics have 12 partitions",
        "the broker reads: correct horse",
        "everybody else: null",
        "hold back for 2 s",
      ],
    ],
  ])("%s runs as it is written", async (_name, run, lines) => {
    const logged: string[] = [];
    await using server = await startTestServer({ clock: "real" });
    await run(server, (line) => logged.push(line));
    expect(logged).toEqual(lines);
    expect(server.leaks()).toMatchObject({ clients: 0, ephemerals: 0, watches: 0, subscriptions: 0, timers: 0 });
  });
});

/** First two columns of a table between two marks. */
function table(name: string): (string | undefined)[][] {
  const text = readme.slice(readme.indexOf(`<!-- ${name} -->`), readme.indexOf(`<!-- /${name} -->`));
  return [...text.matchAll(/^\| `([\w.]+)` \| ([^|]*?) \|/gm)].map(([, first, second]) => [first, second]);
}

test("the README has every setting, in order, with its default", () => {
  expect(table("settings")).toEqual(Object.entries(SETTINGS).map(([name, spec]) => [name, spec.default]));
});

test("the README has every quota, in order", () => {
  expect(table("quotas").map(([name]) => name)).toEqual(Object.keys(QUOTAS));
});

test("the README names the duties of a controller in their order", () => {
  expect(dutiesOf({})).toHaveLength([...readme.matchAll(/^\d+\. \*\*/gm)].length);
});

test("the README has every method of an administrator", async () => {
  await using server = await startTestServer({ clock: "real" });
  const client = await server.connect();
  const agent = await startBroker(client, {
    cluster: "shop",
    id: 1,
    endpoints: [{ name: "clients", host: "127.0.0.1", port: 9_001 }],
    host: new EmptyBroker(),
  });
  const admin = await clusterAdmin(client, { cluster: "shop" });
  const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(admin)).filter((name) => name !== "constructor");
  expect(methods.length).toBeGreaterThan(20);
  for (const name of methods) expect(readme).toContain(`\`${name}`);
  await admin.close();
  await agent.shutdown({ drain: false });
  await client.close();
});

test("the README tells of every option, and of all that a host is told and can do", () => {
  const text = readFileSync(new URL("../src/host/api.ts", import.meta.url), "utf8");
  for (const name of ["BrokerAgentOptions", "BrokerHost", "Leading", "Following", "BrokerAgent"]) {
    const [, body] = new RegExp(`^export interface ${name}\\b[^{]*\\{\\n([^]*?)^\\}`, "m").exec(text)!;
    const members = [...body!.matchAll(/^ {2}(?:readonly )?(\w+)[?:(]/gm)].map(([, member]) => member!);
    expect(members.length).toBeGreaterThan(4);
    for (const member of members) expect(readme).toContain(`\`${member}`);
  }
});

test("the README's bounds are those of the code", () => {
  const bounds = [...readme.matchAll(/`([A-Z_]+_MAX)` \| ([\d,]+) \|/g)].map(([, name, value]) => [name, value]);
  expect(bounds.length).toBeGreaterThan(10);
  for (const [name, value] of bounds) {
    const actual = (exported as Readonly<Record<string, unknown>>)[name!];
    expect([name, Number(value!.replaceAll(",", ""))]).toEqual([name, actual]);
  }
});
