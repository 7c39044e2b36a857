import { type Client, isCorralError, op, text } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { drawFrom } from "@corral/testing/world";
import { expect, test } from "vitest";
import { type Cache, cache, type CacheChange } from "../../src/cache.ts";

const STEPS = 120;
const NAMES = ["a", "b", "c", "d"];
const ROOT = "/app/here";
const utf8 = new TextDecoder();

type Roll = () => number;
const oneOf = <T>(roll: Roll, values: readonly T[]): T => values[Math.floor(roll() * values.length)]!;

/** A path at or somewhere below the cached one, or beside it. */
function drawPath(roll: Roll): string {
  let path = roll() < 0.05 ? "/app" : roll() < 0.1 ? "/app/elsewhere" : ROOT;
  while (path.startsWith(ROOT) && path.length < 20 && roll() < 0.7) path += `/${oneOf(roll, NAMES)}`;
  return path;
}

/** Refusals are part of the game: nobody looks first. */
async function write(client: Client, roll: Roll, value: string): Promise<void> {
  const path = drawPath(roll);
  const kind = roll();
  try {
    if (kind < 0.35) await client.create(path, value, { codec: text, parents: true });
    else if (kind < 0.6) await client.set(path, value, { codec: text });
    else if (kind < 0.7) await client.delete(path);
    else if (kind < 0.75) await client.delete(path, { recursive: true });
    else if (kind < 0.85) await client.create(path, value, { codec: text, lifetime: "ephemeral" });
    else {
      const again = [op.delete(path), op.create(path, value, { codec: text })] as const;
      await client.multi([...again, op.create(`${path}/${oneOf(roll, NAMES)}`, value, { codec: text })]);
    }
  } catch (error) {
    if (!isCorralError(error)) throw error;
  }
}

async function fault(server: TestServer, client: Client, roll: Roll): Promise<void> {
  const kind = roll();
  if (kind < 0.25) server.faults.cut(client);
  else if (kind < 0.45) {
    const cutOff = server.faults.partition(client);
    await server.clock.advance(roll() * 12_000);
    cutOff.end();
  } else if (kind < 0.55) {
    if (client.session !== undefined && client.state.name === "connected") await server.faults.expire(client);
  } else if (kind < 0.65) await server.faults.restart({ crash: roll() < 0.5, downMs: roll() * 3_000 });
  else if (kind < 0.8) server.faults.forgetHistory();
  else if (kind < 0.9) server.faults.stallClient(client, roll() * 10_000);
  else server.faults.dropReply({ op: "subscribe" });
}

function dumpOf(server: TestServer): Map<string, string> {
  const within = server.dump().filter(({ path }) => path === ROOT || path.startsWith(`${ROOT}/`));
  return new Map(within.map(({ path, data, czxid }) => [path, `${czxid} ${utf8.decode(data ?? new Uint8Array())}`]));
}
const contentsOf = (of: Cache<string>): Map<string, string> =>
  new Map([...of.entries()].map(({ path, value, stat }) => [path, `${stat.czxid} ${value}`]));
const sorted = (map: ReadonlyMap<string, string>): [string, string][] =>
  [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));

/** A map that is kept by what a cache tells, and complains of what does not follow from what it has. */
class Replay {
  readonly map = new Map<string, string>();
  readonly wrong: string[] = [];
  #zxid = 0;

  take(change: CacheChange<string>): void {
    const { kind, path, zxid } = change;
    const before = this.map.get(path);
    const expected = "before" in change ? `${change.before.stat.czxid} ${change.before.value}` : undefined;
    if (before !== expected) this.wrong.push(`${kind} ${path}: had ${before}, told ${expected}`);
    if (zxid < this.#zxid) this.wrong.push(`${kind} ${path}: ${zxid} after ${this.#zxid}`);
    this.#zxid = zxid;
    if ("now" in change) this.map.set(path, `${change.now.stat.czxid} ${change.now.value}`);
    else this.map.delete(path);
  }
}

async function run(seed: number): Promise<void> {
  const roll = drawFrom(seed, "cache chaos");
  // A page holds some znodes only, so that the subtree comes in many.
  await using server = await startTestServer({
    seed,
    latencyMs: oneOf(roll, [0, 0, 20]),
    limits: { pageBytes: 1_024 },
  });
  const [client, other] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
  for (let i = 0; i < 30; i++) await write(other, roll, `first ${i}`);
  const mine = await cache(client, ROOT, { codec: text });
  const [prompt, slow] = [new Replay(), new Replay()];
  const [promptly, slowly] = [mine.changes({ replay: true }), mine.changes({ replay: true })];
  const reading = (async () => {
    try {
      for await (const change of promptly) prompt.take(change);
    } catch (error) {
      if (!isCorralError(error, "CLOSED")) throw error;
    }
  })();
  const heard = new Map(contentsOf(mine));
  mine.on((changes) => {
    for (const change of changes) {
      if ("now" in change) heard.set(change.path, `${change.now.stat.czxid} ${change.now.value}`);
      else heard.delete(change.path);
    }
    if (sorted(heard).join() !== sorted(contentsOf(mine)).join()) prompt.wrong.push(`not as heard at ${mine.zxid}`);
  });
  const waits: Promise<unknown>[] = [];
  let asked: Promise<IteratorResult<CacheChange<string>>> | undefined;
  for (let i = 0; i < STEPS; i++) {
    const writing = write(roll() < 0.8 ? other : client, roll, `${i}`);
    waits.push(writing);
    if (roll() < 0.5) await server.clock.advance(roll() * 100);
    if (roll() < 0.08) await fault(server, client, roll);
    if (roll() < 0.1) {
      // Whoever has been told a zxid finds in the cache what was there then, or later.
      const waiting = other.sync().then(async (zxid) => {
        await mine.atLeast(zxid);
        if (mine.zxid < zxid) prompt.wrong.push(`at ${mine.zxid}, promised ${zxid}`);
      });
      waits.push(
        waiting.catch((error: unknown) => {
          if (!isCorralError(error)) throw error;
        }),
      );
    }
    if (roll() < 0.2 && asked === undefined) {
      asked = slowly.next();
      void asked.then(({ value }) => {
        asked = undefined;
        if (value !== undefined) slow.take(value as CacheChange<string>);
      });
    }
  }
  let isOver = false;
  void Promise.all(waits).then(() => (isOver = true));
  for (let i = 0; i < 200 && !isOver; i++) await server.clock.advance(500);
  expect(isOver, `seed ${seed}: something never came to an end`).toBe(true);
  await server.clock.advance(20_000);
  expect([mine.freshness, mine.staleForMs], `seed ${seed}`).toEqual(["live", 0]);
  expect(sorted(contentsOf(mine)), `seed ${seed}: the cache`).toEqual(sorted(dumpOf(server)));
  while ((slowly as unknown as { pending: number }).pending > 0) {
    const next = await slowly.next();
    slow.take(next.value as CacheChange<string>);
  }
  expect(sorted(prompt.map), `seed ${seed}: what was told`).toEqual(sorted(dumpOf(server)));
  expect(sorted(slow.map), `seed ${seed}: what was told slowly`).toEqual(sorted(dumpOf(server)));
  expect([...prompt.wrong, ...slow.wrong], `seed ${seed}`).toEqual([]);
  for (const { path } of mine.entries()) {
    const names = [...dumpOf(server).keys()].filter((at) => at.slice(0, at.lastIndexOf("/")) === path);
    expect(mine.children(path).toSorted(), `seed ${seed}: ${path}`).toEqual(
      names.map((at) => at.slice(at.lastIndexOf("/") + 1)).toSorted(),
    );
  }
  expect(server.leaks().subscriptions, `seed ${seed}`).toBe(1);
  await mine.close();
  await reading;
}

test.each(Array.from({ length: 30 }, (_, i) => i + 1))(
  "under random writes and faults the cache comes to what the server has, and so does whoever is told its changes (seed %i)",
  run,
);
