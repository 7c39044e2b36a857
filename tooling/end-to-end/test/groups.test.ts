/** Groups whose members are processes that are killed, stopped past their session and restarted: each message has its effect once. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Client, connect } from "@corral/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type CorraldProcess, endAll, startCorrald } from "../src/corrald-process.ts";
import { Member, Sink } from "../src/groups/crew.ts";
import type { MemberOrder } from "../src/groups/words.ts";
import { endTellers } from "../src/telling-process.ts";

const SESSION_MS = 800;
const PARTITIONS = 10;
const MESSAGES = 400;
const MEMBERS = 4;
/** A stop that the session does not survive. */
const STOP_MS = SESSION_MS * 2;

let data: string;
let daemon: CorraldProcess;
let client: Client;
beforeEach(async () => {
  data = await mkdtemp(path.join(tmpdir(), "corral-groups-"));
  daemon = await startCorrald({ data, limits: { sessionTimeoutMsMin: 100, tickMs: 20 } });
  client = await connect({ servers: [daemon.url] });
  await client.create("/effects");
});
afterEach(async () => {
  await client.close();
  await endTellers();
  await endAll();
  await rm(data, { recursive: true, force: true });
});

function order(more: Partial<MemberOrder>): MemberOrder {
  return {
    url: daemon.url,
    group: "workers",
    partitions: PARTITIONS,
    messages: MESSAGES,
    sessionTimeoutMs: SESSION_MS,
    effect: "tree",
    handleMs: 5,
    ...more,
  };
}

/** Kills, stops, restarts, one after the other, until everything has had its effect. How often each happened. */
async function harass(how: MemberOrder, sink: Sink, done: () => Promise<boolean>): Promise<Record<string, number>> {
  const crew = Array.from({ length: MEMBERS }, () => new Member(how, sink));
  await Promise.all(crew.map((member) => member.started()));
  const happened = { kills: 0, stops: 0, restarts: 0 };
  for (let n = 0; !(await done()); n++) {
    const at = n % MEMBERS;
    const member = crew[at]!;
    if (n % 3 === 0) {
      await member.kill();
      happened.kills++;
    } else if (n % 3 === 1) {
      member.signal("SIGSTOP");
      await delay(STOP_MS);
      member.signal("SIGCONT");
      happened.stops++;
      continue;
    } else {
      await member.close();
      happened.restarts++;
    }
    crew[at] = new Member(how, sink);
    await crew[at].started();
    await delay(300);
  }
  // Quiet at last: evenly spread.
  for (let look = 0; ; look++) {
    const sizes = await Promise.all(crew.map((member) => member.size()));
    const claimed = sizes.map((size) => size.claimed);
    const sum = claimed.reduce((total, size) => total + size, 0);
    if (sum === PARTITIONS && Math.max(...claimed) - Math.min(...claimed) <= 1) break;
    expect(look, `still ${JSON.stringify(sizes)}`).toBeLessThan(200);
    await delay(50);
  }
  return happened;
}

test("effects in the tree, in one transaction with the offset, happen exactly once, whatever becomes of the members", async () => {
  const total = PARTITIONS * MESSAGES;
  const happened = await harass(
    order({}),
    new Sink(),
    async () => (await client.countDescendants("/effects")) === total,
  );
  // A second effect would have been refused as NODE_EXISTS, and a skipped one be missing here.
  expect(await client.countDescendants("/effects")).toBe(total);
  expect(happened["kills"]! + happened["stops"]! + happened["restarts"]!).toBeGreaterThan(2);
  console.log("groups: effects in the tree:", { messages: total, ...happened });
}, 180_000);

test("effects in a sink that checks the token happen exactly once, and late ones are refused; a sink that trusts everybody has them twice", async () => {
  const total = PARTITIONS * MESSAGES;
  const sink = new Sink();
  const how = order({ effect: "sink", group: "to-sink" });
  const happened = await harass(how, sink, () => Promise.resolve(sink.applied.size === total));
  expect(sink.doubles).toBe(0);
  expect(sink.gaps).toBe(0);
  expect(sink.known + sink.fenced).toBeGreaterThan(0);

  const trusting = new Sink(true);
  await harass({ ...how, group: "to-trusting-sink" }, trusting, () => Promise.resolve(trusting.applied.size === total));
  expect(trusting.doubles).toBeGreaterThan(0);
  console.log("groups: effects in a sink:", {
    messages: total,
    refusedAsKnown: sink.known,
    refusedAsLate: sink.fenced,
    doublesWithoutCheck: trusting.doubles,
    ...happened,
  });
}, 240_000);

test("a rolling restart of static members that leave for a while moves nothing", async () => {
  const sink = new Sink();
  const how = (instance: string): MemberOrder =>
    order({ effect: "sink", group: "static", instance, messages: 1_000_000 });
  const names = ["a", "b", "c"];
  const crew = names.map((name) => new Member(how(name), sink));
  await Promise.all(crew.map((member) => member.started()));
  const targets = async (): Promise<string[]> => {
    const tree = await client.readTree("/groups/static/targets");
    return [...tree.entries.values()].map(
      ({ path: at, value }) => `${at} ${new TextDecoder().decode(value ?? undefined)}`,
    );
  };
  for (
    let look = 0;
    (await Promise.all(crew.map((member) => member.size()))).some(({ claimed }) => claimed < 3);
    look++
  ) {
    expect(look).toBeLessThan(200);
    await delay(50);
  }
  const before = await targets();
  for (const [at, name] of names.entries()) {
    await crew[at]!.close(true);
    crew[at] = new Member(how(name), sink);
    await crew[at].started();
    await delay(200);
  }
  expect(await targets()).toEqual(before);
  expect(sink.doubles).toBe(0);
}, 120_000);
