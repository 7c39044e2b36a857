import { Op, SubscriptionKind } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { feedOf, scene } from "./feeds.ts";
import { get, set, subscribe } from "./words.ts";

describe("a quiet subscription", () => {
  /** A writer who changes /z, and a reader of /a; the history holds 800 entries, so that a quarter is 200. */
  function quiet(options = {}): ReturnType<typeof scene> & { elsewhere: (changes: number, data?: string) => void } {
    const all = scene({ historyLimits: { historyEntries: 800, historyBytes: 1 << 24 }, ...options });
    const elsewhere = (changes: number, data = ""): void => {
      for (let i = 0; i < changes; i++) {
        all.writer.ask(set("/z", data));
        all.writer.ack(all.writer.xid);
      }
    };
    return { ...all, elsewhere };
  }

  test("is told synced again, by the time that a quarter of the history is new, and not twice in an eighth", () => {
    const { reader, elsewhere } = quiet();
    reader.do(subscribe("/a"));
    reader.news();
    const marks: number[] = [];
    for (let i = 1; i <= 2_000; i++) {
      elsewhere(1);
      for (const line of feedOf(reader)) {
        expect(line).toBe(`synced ${5 + i}`);
        marks.push(i);
      }
    }
    const gaps = marks.map((mark, i) => mark - (marks[i - 1] ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(200);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(98);
  });

  test("is so by the bytes of the history too", () => {
    const { reader, elsewhere } = quiet({ historyLimits: { historyEntries: 1_000_000, historyBytes: 1 << 20 } });
    reader.do(subscribe("/a"));
    reader.news();
    elsewhere(28, "x".repeat(10_000));
    expect(feedOf(reader).length).toBeGreaterThanOrEqual(1);
  });

  test("is resumed from there, with nothing sent anew, long after its last change", () => {
    const { stage, reader, elsewhere } = quiet();
    reader.do(subscribe("/a"));
    elsewhere(5_000);
    const since = reader.told(1).at(-1)!.zxid;
    reader.break();
    const again = stage.connect();
    again.resume(reader);
    again.do(subscribe("/a", { since }));
    expect(feedOf(again)).toEqual([`synced ${stage.state.zxid % 2 ** 32}`]);
    // And so is the one that was resumed.
    elsewhere(5_000);
    expect(stage.state.history.since).toBeLessThan(again.told(1).at(-1)!.zxid);
  });

  test("is told nothing while it is told changes anyway", () => {
    const { writer, reader, elsewhere } = quiet();
    reader.do(subscribe("/a", { credits: 10_000 }));
    reader.news();
    for (let i = 0; i < 100; i++) {
      elsewhere(50);
      writer.do(set("/a", `${i}`));
    }
    expect(feedOf(reader).filter((line) => line.startsWith("synced"))).toEqual([]);
  });

  test("takes a credit for it, and without one is told when one comes", () => {
    const { stage, writer, reader, elsewhere } = quiet();
    reader.do(subscribe("/a", { credits: 3 }));
    elsewhere(1_000);
    expect(reader.told(1)).toHaveLength(3);
    const missed = writer.do(set("/a", "9")).zxid;
    elsewhere(600);
    reader.news();
    reader.signal({ op: Op.credit, id: 1, credits: 5 });
    expect(feedOf(reader)).toEqual([`changes ${missed % 2 ** 32}: changed /a=9`]);
    elsewhere(1_000);
    expect(feedOf(reader).length).toBeGreaterThan(0);
    expect(stage.engine.figures.subscriptions).toBe(1);
  });

  test("is told nothing while the subtree is being sent or its client takes nothing", () => {
    const { stage, reader, elsewhere } = quiet({ limits: { unsentBytesSoft: 4_096 } });
    reader.do(subscribe("/a", { credits: 1 }));
    elsewhere(1_000);
    expect(feedOf(reader)).toHaveLength(1);
    reader.takes = false;
    reader.signal({ op: Op.credit, id: 1, credits: 1_000 });
    reader.do(get("/a"));
    elsewhere(20_000);
    const waiting = reader.told(1).length;
    reader.takes = true;
    stage.settle();
    elsewhere(1_000);
    expect(waiting).toBeLessThanOrEqual(4_096 / 12);
    expect(reader.told(1).length).toBeGreaterThan(waiting);
    expect(reader.told(1).filter(({ message }) => message === SubscriptionKind.resync)).toEqual([]);
  });

  test("is one of many that are looked at in turns, and none is forgotten", () => {
    const { stage, reader, elsewhere } = quiet({ limits: { subscriptionsPerConnection: 5_000 } });
    for (let id = 1; id <= 3_500; id++) reader.do(subscribe("/a", { id }));
    reader.news();
    let most = 0;
    const turn = stage.turn.bind(stage);
    stage.turn = (input) => {
      const before = reader.heard.length;
      turn(input);
      most = Math.max(most, reader.heard.length - before);
    };
    elsewhere(206);
    for (let id = 1; id <= 3_500; id++) {
      const told = reader.told(id);
      expect(told.at(-1)!.zxid).toBeGreaterThan(stage.state.zxid - 200);
    }
    expect(most).toBe(1_000);
  });
});
