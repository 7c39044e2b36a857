/** Several daemons on one log: what this one applies is not only its own. */
import { Consistency } from "@corral/protocol";
import { APPLY_LEVEL, DEFAULT_OPTIONS, TxnKind } from "@corral/state-machine";
import { describe, expect, test } from "vitest";
import { UnknownLevel } from "../src/engine/steps/commit.ts";
import { nodeAuthenticator } from "../src/node/node-world.ts";
import { secretOf } from "./client.ts";
import { Stage, foreignWrite } from "./stage.ts";
import { create, exists, get, set, subscribe, sync } from "./words.ts";

const OTHER = { daemon: 5, connection: 1 };
const secretHash = nodeAuthenticator.sha256(secretOf(42));
const open = {
  kind: TxnKind.open,
  origin: OTHER,
  secretHash,
  timeoutMs: 10_000,
  identities: [],
  replaces: null,
} as const;

describe("another daemon's entries", () => {
  test("are applied, and watchers and subscribers here hear of them", () => {
    const stage = new Stage({ isExclusive: false });
    const client = stage.attach();
    client.ask(exists("/a", true), subscribe("/"));
    client.news();
    stage.foreign([open]);
    const session = stage.state.zxid;
    stage.foreign([foreignWrite(session, session, 1, create("/a", "1"))]);
    expect(client.transcript()).toEqual(["event 3 created /a", "changes 3: created /a=1"]);
  });

  test("answer nobody here, though the numbers are the same", () => {
    const stage = new Stage({ isExclusive: false });
    const client = stage.attach();
    stage.commits = false;
    client.ask(create("/mine"));
    stage.foreign([open]);
    const session = stage.state.zxid;
    stage.foreign([foreignWrite(session, session, 1, create("/theirs"))]);
    expect(client.hasReply(1)).toBe(false);
    stage.commits = true;
    stage.commit();
    expect(client.reply(1).result[0]).toBe("/mine");
  });

  test("attach a session that is attached here: its connection here gets SESSION_MOVED, its later writes do nothing", () => {
    const stage = new Stage({ isExclusive: false });
    const client = stage.attach();
    stage.commits = false;
    client.ask(create("/late"));
    stage.foreign([
      {
        kind: TxnKind.attach,
        origin: OTHER,
        session: client.session,
        secretHash: nodeAuthenticator.sha256(client.secret),
        timeoutMs: 10_000,
        identities: [],
        acked: 0,
      },
    ]);
    expect(client.transcript()).toEqual(["goodbye SESSION_MOVED"]);
    stage.commits = true;
    stage.commit();
    expect(stage.state.tree.find("/late")).toBe(-1);
  });

  test("open sessions whose silence is counted here too", () => {
    const stage = new Stage({ isExclusive: false });
    stage.foreign([open]);
    stage.pass(10_300);
    expect(stage.state.sessions.count).toBe(0);
  });

  test("with a wrong secret attach nothing", () => {
    const stage = new Stage({ isExclusive: false });
    const client = stage.attach();
    stage.foreign([
      {
        kind: TxnKind.attach,
        origin: OTHER,
        session: client.session,
        secretHash,
        timeoutMs: 10_000,
        identities: [],
        acked: 0,
      },
    ]);
    expect(client.closed).toBeUndefined();
    expect(client.do(exists("/")).code).toBe(0);
  });

  test("of a higher apply level stop this daemon: it does not guess", () => {
    const stage = new Stage({ isExclusive: false });
    expect(() => stage.foreign([open], APPLY_LEVEL + 1)).toThrow(UnknownLevel);
    expect(stage.state.sessions.count, "nothing of it was applied").toBe(0);
  });

  test("of options change the rules for all", () => {
    const stage = new Stage({ isExclusive: false });
    const client = stage.attach();
    stage.foreign([{ kind: TxnKind.options, options: { ...DEFAULT_OPTIONS, childrenMax: 1 } }]);
    expect(client.do(create("/a")).code).toBe(-200);
  });
});

describe("on a log that others append to", () => {
  test("sync and linearizable reads wait for a mark in the log, and see what was written before it", () => {
    const stage = new Stage({ isExclusive: false });
    const client = stage.attach();
    client.do(create("/a", "old"));
    client.news();
    stage.foreign([open]);
    const session = stage.state.zxid;
    stage.commits = false;
    client.ask(get("/a", false, Consistency.linearizable), sync, get("/a"));
    expect(client.transcript()).toEqual([]);
    stage.foreign([foreignWrite(session, session, 1, set("/a", "new"))]);
    expect(client.transcript(), "not even now: the mark has not come back").toEqual([]);
    stage.commits = true;
    stage.commit();
    expect(client.transcript()).toEqual(["reply 2 ok new", "reply 3 ok", "reply 4 ok new"]);
  });

  test("an ordinary read is answered at once", () => {
    const stage = new Stage({ isExclusive: false });
    const client = stage.attach();
    stage.commits = false;
    client.ask(get("/"));
    expect(client.transcript()).toEqual(["reply 1 ok "]);
  });

  test("a barrier read keeps its place among the session's writes", () => {
    const stage = new Stage({ isExclusive: false });
    const client = stage.attach();
    client.ask(create("/a", "1"), get("/a", false, 1), set("/a", "2"), sync, get("/a"));
    expect(client.transcript()).toEqual(["reply 1 ok", "reply 2 ok 1", "reply 3 ok", "reply 4 ok", "reply 5 ok 2"]);
  });

  test("a barrier read refused for overload holds no writes back", () => {
    const stage = new Stage({ isExclusive: false });
    const client = stage.attach();
    stage.turn(() => stage.engine.space("low"));
    client.ask(sync);
    stage.turn(() => stage.engine.space("ok"));
    client.ask(create("/a"));
    expect(client.transcript()).toEqual(["reply 1 OVERLOADED", "reply 2 ok"]);
  });
});

test("on a log that is ours alone, sync and linearizable reads need no mark", () => {
  const stage = new Stage();
  const client = stage.attach();
  const before = stage.log.length;
  client.ask(sync, get("/", false, Consistency.linearizable));
  expect(client.transcript()).toEqual(["reply 1 ok", "reply 2 ok "]);
  expect(stage.log.length).toBe(before);
});
