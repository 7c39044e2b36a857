// ZOOKEEPER-1489, 1156: after the log was cut back the writer went on at a stale place, and later records could not be read or
// earlier ones were lost; or too much was cut.
import { expect, test } from "vitest";
import { Ledger } from "../../src/ledger.ts";
import { lives } from "./lives.ts";

/** Every byte of the last three records, in steps that hit each of a frame's fields. */
const STEP_BYTES = 5;
const ROUNDS = 5;

test("wherever the last write is torn, ten more records and another crash leave exactly what was acknowledged", async () => {
  const first = lives();
  const owner = await first.start();
  await first.write(owner, 2, 300);
  const segment = "log-0000000000000001";
  const before = first.world.disk.contents(segment);
  for (const size of [200, 90, 310]) first.ledger.propose(owner.log, size);
  await owner.settled(5);
  first.world.disk.kill();
  const after = first.world.disk.contents(segment);
  const changed = after.map((byte, index) => (byte === before[index] ? 0 : 1));
  const [from, to] = [changed.indexOf(1), changed.lastIndexOf(1)];
  expect(to - from).toBeGreaterThan(700);
  // The three went into two writes: the first of them may have been acknowledged before the second was under way.
  const { certain } = first.ledger.known;
  const known = { ...first.ledger.known, certain: certain.slice(0, 2), open: certain.slice(2) };
  let cuts = 0;
  for (let at = from; at <= to + 1; at += STEP_BYTES) {
    const torn = new Uint8Array(before);
    torn.set(after.subarray(from, at), from);
    const disk = first.world.disk.fork();
    disk.put(segment, torn);
    const next = lives({}, disk, new Ledger(known));
    const again = await next.start();
    cuts += next.warnings.filter(({ kind }) => kind === "torn-tail").length;
    await next.write(again, 10, 70);
    next.crash();
    const last = await next.start();
    expect(last.state.length).toBeGreaterThanOrEqual(12);
  }
  expect(cuts).toBeGreaterThan(100);
});

test("five times torn, cut and gone on", async () => {
  const { world, ledger, start, write, warnings } = lives();
  for (let round = 0; round < ROUNDS; round += 1) {
    const owner = await start();
    await write(owner, 3, 200);
    world.disk.before = (operation, name) => {
      if (operation !== "sync" || !name.startsWith("log-")) return;
      world.disk.before = () => {};
      world.disk.crashWith(({ kind }) =>
        kind === "name" ? "lost" : { sectorBytes: 512, keeps: (sector) => sector === 0 },
      );
    };
    // Two, so that one of them does not end in zeros, which would be whole with any of its sectors.
    for (const size of [1_700, 1_800]) ledger.propose(owner.log, size);
    await expect(owner.settled(100)).rejects.toMatchObject({ code: "IO_FAILED" });
    ledger.ended();
  }
  const owner = await start();
  expect(owner.state.length).toBeGreaterThanOrEqual(3 * ROUNDS);
  expect(warnings.filter(({ kind }) => kind === "torn-tail").length).toBeGreaterThanOrEqual(3);
});
