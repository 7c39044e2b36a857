/** The fenced sink, and the checker that compares its file with the producer's. */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isClean, judge, type ProducedLine, tableOf } from "../src/check/verdict.ts";
import { readLines } from "../src/lines.ts";
import { type EffectLine, Effects } from "../src/sink/effects.ts";
import { serveSink, type SinkRequests } from "../src/sink/service.ts";
import { Peer } from "../src/wire/peer.ts";
import { temporaryFolder } from "./folder.ts";

test("an older claim can do nothing from the moment a newer one was shown, even before that has any effect", () => {
  const effects = new Effects(join(temporaryFolder(), "effects"));
  expect(effects.claim(0, 5)).toEqual({ token: 5, nextOffset: 0 });
  effects.apply(0, 5, 0, "a");
  expect(effects.claim(0, 9)).toEqual({ token: 9, nextOffset: 1 });
  expect(() => effects.apply(0, 5, 1, "b")).toThrow("FENCED_TOKEN");
  expect(() => effects.claim(0, 5)).toThrow("FENCED_TOKEN");
  expect(effects.claim(1, 5)).toEqual({ token: 5, nextOffset: 0 });
  expect(effects.counts).toEqual({ effects: 1, fenced: 2, repeated: 0 });
  effects.close();
});

test("an effect asked for again is confirmed and not repeated; one with a gap before it is refused", () => {
  const path = join(temporaryFolder(), "effects");
  const effects = new Effects(path);
  effects.claim(0, 1);
  effects.apply(0, 1, 0, "a");
  expect(effects.apply(0, 1, 0, "a").nextOffset).toBe(1);
  expect(() => effects.apply(0, 1, 2, "c")).toThrow("1 is next");
  expect(readLines<EffectLine>(path).filter(({ id }) => id !== undefined)).toHaveLength(1);
  effects.close();
});

test("a sink that starts again knows the tokens and the positions; a torn line is as if it had never been", () => {
  const path = join(temporaryFolder(), "effects");
  const before = new Effects(path);
  before.claim(3, 7);
  before.apply(3, 7, 0, "a");
  before.claim(4, 8);
  before.close();
  appendFileSync(path, '{"partition":3,"token":7,"off');
  const after = new Effects(path);
  expect(after.counts.effects).toBe(1);
  expect(() => after.claim(3, 6)).toThrow("FENCED_TOKEN");
  expect(() => after.claim(4, 7)).toThrow("FENCED_TOKEN");
  expect(after.apply(3, 7, 1, "b")).toEqual({ token: 7, nextOffset: 2 });
  after.close();
  expect(readLines<EffectLine>(path).map(({ id }) => id)).toEqual([undefined, "a", undefined, "b"]);
});

test("over the wire, refusals keep their codes and what is no request is refused by its field", async () => {
  const effects = new Effects(join(temporaryFolder(), "effects"));
  const faults: unknown[] = [];
  const service = await serveSink(effects, { host: "127.0.0.1", port: 0 }, (error) => faults.push(error));
  const peer = await Peer.dial<SinkRequests>(service.address);
  await peer.request("claim", { partition: 0, token: 2 });
  await peer.request("apply", { partition: 0, token: 2, offset: 0, id: "a" });
  await expect(peer.request("claim", { partition: 0, token: 1 })).rejects.toMatchObject({ code: "FENCED_TOKEN" });
  await expect(peer.request("claim", { partition: -1, token: 1 })).rejects.toThrow("partition is no whole number");
  await expect(peer.request("nothing" as "claim", { partition: 0, token: 1 })).rejects.toThrow("no such operation");
  expect((await peer.request("status", {})).positions).toEqual([[0, 1]]);
  expect(faults).toEqual([]);
  peer.close();
  await service.close();
  effects.close();
});

const sent = (id: string): ProducedLine => ({ sent: id, partition: 0 });
const acknowledged = (id: string, offset: number): ProducedLine => ({ acknowledged: id, partition: 0, offset });
const effect = (id: string, offset: number, token = 1): EffectLine => ({ partition: 0, token, offset, id });
const produced = [sent("a"), acknowledged("a", 0), sent("b"), sent("c"), acknowledged("c", 1)];

test("what was sent and never acknowledged may be missing; all else has exactly one effect", () => {
  const verdict = judge(produced, [effect("a", 0), effect("c", 1)]);
  expect(isClean(verdict)).toBe(true);
  expect(verdict).toMatchObject({ produced: 3, acknowledged: 2, consumed: 2 });
});

test("the checker finds a loss, a duplicate, an invention, a wrong place and a wrong order, and names them", () => {
  const found = (effects: EffectLine[]) => judge(produced, effects);
  expect(found([effect("a", 0)]).lost).toEqual(["c"]);
  expect(found([effect("a", 0), effect("a", 1), effect("c", 2)]).duplicated).toEqual(["a"]);
  expect(found([effect("a", 0), effect("x", 1)]).invented).toEqual(["x"]);
  expect(found([effect("c", 0), effect("a", 1)]).displaced).toEqual(["a", "c"]);
  expect(found([effect("a", 0), effect("c", 2)]).disordered).toEqual(["0@2"]);
  expect(found([effect("a", 0, 5), effect("c", 1, 4)]).disordered).toEqual(["0@1"]);
  for (const effects of [[], [effect("a", 0), effect("a", 0)], [effect("x", 0)]]) {
    expect(isClean(found(effects))).toBe(false);
  }
  expect(tableOf(found([effect("a", 0)]))).toMatch(/lost +1 {3}c/);
});
