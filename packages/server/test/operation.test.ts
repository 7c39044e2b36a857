import { DEFAULT_OPTIONS, type SnapshotCut, TxnKind, readTxns } from "@corral/state-machine";
import { describe, expect, test } from "vitest";
import { LogClock } from "../src/engine/log-clock.ts";
import { SERVER_BOUNDS, serverLimits } from "../src/engine/limits.ts";
import { Stage } from "./stage.ts";
import { addWatch, children, close, create, ephemeral, exists, get, set, subscribe } from "./words.ts";

describe("options", () => {
  test("that differ from the replicated ones are proposed at the start, and hold from there", () => {
    const stage = new Stage({ options: { childrenMax: 2 } });
    expect(readTxns(stage.log[0]!.body, 1)).toMatchObject([{ kind: TxnKind.options, options: { childrenMax: 2 } }]);
    const client = stage.attach();
    expect(client.do(create("/a")).code, "beside /zookeeper").toBe(0);
    expect(client.do(create("/b")).code).toBe(-200);
    expect(client.welcome!.limits.valueBytes).toBe(DEFAULT_OPTIONS.valueBytes);
  });

  test("that are the same are not", () => {
    expect(new Stage().log).toEqual([]);
  });
});

describe("a snapshot", () => {
  const finish = (stage: Stage): void => {
    const cut = stage.cuts.at(-1) as SnapshotCut;
    while (cut.next() !== undefined);
    stage.turn(() => stage.engine.snapshotSaved());
  };

  test("is asked for after snapshotEntries entries, one at a time", () => {
    const stage = new Stage({ limits: { snapshotEntries: 5 } });
    const client = stage.attach();
    for (let i = 0; i < 20; i++) client.do(create(`/n${i}`));
    expect(stage.cuts).toHaveLength(1);
    expect(stage.cuts[0]!.zxid % 2 ** 32).toBe(5);
    finish(stage);
    client.do(create("/more"));
    expect(stage.cuts, "what gathered meanwhile counts").toHaveLength(2);
    finish(stage);
    expect(stage.engine.counters).toMatchObject({ snapshots: 2, snapshotsAbandoned: 0 });
  });

  test("is asked for after snapshotBytes bytes", () => {
    const stage = new Stage({ limits: { snapshotBytes: 10_000 } });
    const client = stage.attach();
    client.do(create("/a", "x".repeat(6_000)));
    expect(stage.cuts).toHaveLength(0);
    client.do(create("/b", "x".repeat(6_000)));
    expect(stage.cuts).toHaveLength(1);
  });

  test("that failed is tried again when the counters are full again", () => {
    const stage = new Stage({ limits: { snapshotEntries: 3 } });
    const client = stage.attach();
    client.ask(create("/a"), create("/b"));
    stage.cuts[0]!.end();
    stage.turn(() => stage.engine.snapshotFailed());
    client.do(create("/c"));
    expect(stage.cuts).toHaveLength(1);
    client.ask(create("/d"), create("/e"));
    expect(stage.cuts).toHaveLength(2);
    expect(stage.engine.counters.snapshotsAbandoned).toBe(1);
  });

  test("of nothing is not taken", () => {
    expect(new Stage().engine.checkpoint()).toBe(false);
  });
});

describe("nothing is left behind", () => {
  test("by connections that come, do everything, and go in every way", () => {
    const stage = new Stage({ limits: { pageBytes: 1_024 } });
    const keeper = stage.attach();
    keeper.ask(create("/a"), ...Array.from({ length: 50 }, (_, i) => create(`/a/n${i}`)));
    const session = keeper.session;
    for (let round = 0; round < 60; round++) {
      const client = round % 6 === 0 ? stage.connect() : stage.attach();
      if (round % 6 !== 0) {
        client.ask(
          get("/a", true),
          exists(`/x${round}`, true),
          children("/a", { watch: true }),
          addWatch("/a", 1),
          subscribe("/a", { credits: 1 }),
          subscribe("/", { id: 2 }),
          ephemeral(`/e${round}`),
        );
      }
      if (round % 6 === 1) client.do(close);
      else if (round % 6 === 2) client.bytes(new Uint8Array([0xc1]));
      else if (round % 6 === 3) {
        stage.commits = false;
        client.ask(set("/a", ""), get("/a"));
        client.break();
        stage.commits = true;
        stage.commit();
      } else if (round % 6 === 4) {
        stage.turn(() => stage.engine.expireSession(client.session));
        stage.settle();
      } else if (round % 6 === 5) {
        const again = stage.connect();
        again.resume(client);
        again.break();
      }
      client.break();
      keeper.ping();
    }
    for (let i = 0; i < 3; i++) {
      stage.pass(9_000);
      keeper.ping();
    }
    expect(stage.engine.figures).toMatchObject({
      connections: 1,
      sessions: 1,
      watches: 0,
      subscriptions: 0,
      ephemerals: 0,
      uncommittedBytes: 0,
    });
    expect(stage.state.tree.walks.size).toBe(0);
    expect([...stage.state.sessions.ids()]).toEqual([session]);
    expect(stage.engine.isIdle).toBe(true);
    const { opened, ended } = {
      opened: stage.engine.counters.sessionsOpened,
      ended: stage.engine.counters.sessionsClosed + stage.engine.counters.sessionsExpired,
    };
    expect(opened - ended).toBe(1);
  });

  test("to say: after the close nothing is sent, whatever still comes back from the log", () => {
    const stage = new Stage();
    const client = stage.attach();
    stage.commits = false;
    client.ask(create("/a"), get("/a", true), set("/a", "1"));
    client.bytes(new Uint8Array([0xc1]));
    const frames = client.frames.length;
    expect(client.closed).toBeDefined();
    client.ping();
    stage.commits = true;
    stage.commit();
    expect(client.frames.length).toBe(frames);
    expect(stage.engine.figures.watches).toBe(0);
  });
});

test("counters and figures count", () => {
  const stage = new Stage();
  const client = stage.attach();
  client.ask(create("/a", "12345"), ephemeral("/e"), get("/a", true), subscribe("/"), set("/a", "1"));
  client.bytes(new Uint8Array([0xc1]));
  expect(stage.engine.counters).toMatchObject({
    requests: 5,
    writes: 3,
    events: 3,
    sessionsOpened: 1,
    protocolErrors: 1,
  });
  expect(stage.engine.figures).toMatchObject({
    connections: 1,
    sessions: 1,
    znodes: 6,
    ephemerals: 1,
    dataBytes: 1,
    zxid: stage.state.zxid,
    isDraining: false,
  });
});

describe("the log clock", () => {
  test("never goes back, and leans towards wall time by at most 5 %", () => {
    const clock = new LogClock(5_000, 1_000, 0);
    expect(clock.read(1_000, 0)).toBe(5_000);
    expect(clock.read(2_000, 1_000), "ahead of the wall: slower").toBe(5_950);
    expect(clock.read(1_000_000, 2_000), "the wall jumped forward: faster").toBe(7_000);
    expect(clock.read(0, 3_000)).toBe(7_950);
    expect(clock.read(0, 1_000), "a monotonic clock that is not").toBe(7_950);
  });
});

describe("limits", () => {
  test("have defaults within their bounds, and ranges for the simulation too", () => {
    for (const [name, bound] of Object.entries(SERVER_BOUNDS)) {
      for (const value of [bound.default, ...bound.simulate]) {
        expect(value, name).toBeGreaterThanOrEqual(bound.least);
        expect(value, name).toBeLessThanOrEqual(bound.most);
      }
    }
  });

  test("refuse what is out of range or unknown, by name", () => {
    expect(() => serverLimits({ tickMs: 4 })).toThrow(/tickMs is 4, not an integer from 5 to 1000/);
    expect(() => serverLimits({ tickMs: 5.5 })).toThrow(RangeError);
    expect(() => serverLimits({ inFligth: 5 } as never)).toThrow(/no limit called inFligth/);
    expect(serverLimits({ tickMs: 50 }).tickMs).toBe(50);
  });
});
