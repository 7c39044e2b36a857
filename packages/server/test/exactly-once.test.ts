import { Op, errorName } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { Stage } from "./stage.ts";
import { auth, close, create, del, get, set } from "./words.ts";

describe("exactly once", () => {
  test("a write sent again after a reattach gets the very same reply, and is not applied again", () => {
    const stage = new Stage();
    const before = stage.attach();
    const made = before.do(create("/n-", "", { mode: 2 }));
    const after = stage.connect();
    after.resume(before);
    after.askWith(made.xid, create("/n-", "", { mode: 2 }));
    expect(after.reply(made.xid)).toEqual(made);
    expect(stage.state.tree.numChildren(0), "/zookeeper and one more").toBe(2);
  });

  test("a write that two connections have put into the log is executed once", () => {
    const stage = new Stage();
    const before = stage.attach();
    stage.commits = false;
    before.ask(create("/n-", "", { mode: 2 }));
    const after = stage.connect();
    after.resume(before);
    after.askWith(1, create("/n-", "", { mode: 2 }));
    stage.commits = true;
    stage.commit();
    expect(after.reply(1).code).toBe(0);
    expect(stage.state.tree.numChildren(0)).toBe(2);
    expect(before.goodbye).toMatchObject({ code: -118 });
  });

  test("what the former connection has sent and the log has not, is refused: nothing of it happens", () => {
    const stage = new Stage({ limits: { batchBytes: 1 } });
    const before = stage.attach();
    stage.commits = false;
    const after = stage.connect();
    after.resume(before);
    before.ask(create("/late"));
    stage.commits = true;
    stage.commit();
    expect(before.hasReply(1)).toBe(false);
    expect(before.goodbye).toMatchObject({ code: -118 });
    expect(after.do(get("/late")).code).toBe(-101);
    after.askWith(2, create("/late"));
    expect(after.reply(2).code).toBe(0);
  });

  test("the copy of a write that the former connection sent too late is not taken for the answer to the new one", () => {
    const stage = new Stage({ limits: { batchBytes: 1 } });
    const before = stage.attach();
    stage.commits = false;
    const after = stage.connect();
    after.resume(before);
    before.ask(create("/a"));
    after.askWith(1, create("/a"));
    stage.commit(1);
    expect(stage.proposed, "the late one, then the right one").toHaveLength(2);
    stage.commit(1);
    expect(after.hasReply(1)).toBe(false);
    stage.commit(1);
    expect(after.reply(1).code).toBe(0);
  });

  test("the same number with another body breaks the protocol", () => {
    const stage = new Stage();
    const before = stage.attach();
    before.do(create("/a", "1"));
    const after = stage.connect();
    after.resume(before);
    after.askWith(1, create("/a", "2"));
    expect(after.goodbye).toMatchObject({ code: -204 });
    expect(after.closed!.code).toBe(1002);
  });

  test("what was acknowledged is forgotten, and may not be sent again", () => {
    const stage = new Stage();
    const before = stage.attach();
    before.ask(create("/a"), create("/b"), create("/c"));
    expect(stage.state.sessions.get(before.session)!.results.count).toBe(3);
    before.ack(2);
    before.do(create("/d"));
    expect(stage.state.sessions.get(before.session)!.results.count).toBe(2);
    const after = stage.connect();
    after.resume(before, 3);
    expect(stage.state.sessions.get(before.session)!.results.count).toBe(1);
    after.askWith(3, create("/c"));
    expect(after.goodbye).toMatchObject({ code: -204 });
  });

  test("an acknowledgement of replies that were never sent is cut to those that were asked for", () => {
    const stage = new Stage();
    const client = stage.attach();
    client.ack(2 ** 53 - 1);
    client.ask(create("/a"), create("/b"));
    const after = stage.connect();
    after.resume(client);
    after.askWith(1, create("/a"));
    expect(after.reply(1).code).toBe(0);
  });

  test("a refusal is remembered like a success", () => {
    const stage = new Stage();
    const before = stage.attach();
    const refused = before.do(del("/a"));
    before.do(create("/a"));
    const after = stage.connect();
    after.resume(before);
    after.askWith(refused.xid, del("/a"));
    expect(after.reply(refused.xid)).toEqual(refused);
  });

  test("reads are executed again", () => {
    const stage = new Stage();
    const before = stage.attach();
    before.ask(create("/a", "1"), get("/a"));
    const other = stage.attach();
    other.do(set("/a", "2"));
    const after = stage.connect();
    after.resume(before, 1);
    after.askWith(2, get("/a"));
    expect(after.transcript()).toEqual(["reply 2 ok 2"]);
  });

  test("addAuth is a write too: sent again it is recalled, and the identity is there once", () => {
    const stage = new Stage();
    const before = stage.attach();
    before.do(auth("ann"));
    const after = stage.connect();
    after.resume(before);
    after.askWith(1, auth("ann"));
    expect(after.reply(1).code).toBe(0);
  });

  test("a session's new connection counts as nothing until its attach is applied: it executes nothing meanwhile", () => {
    const stage = new Stage();
    const before = stage.attach();
    stage.commits = false;
    const after = stage.connect();
    after.resume(before);
    after.ask(create("/a"), get("/a"));
    expect(stage.proposed).toHaveLength(1);
    expect(stage.proposed[0]!.count).toBe(1);
    stage.commits = true;
    stage.commit();
    expect(after.transcript()).toEqual(["reply 1 ok", "reply 2 ok "]);
  });
});

describe("numbers", () => {
  test.each([
    ["the same twice", [1, 1]],
    ["descending", [5, 4]],
  ])("that do not grow break the protocol (%s), and nothing of the frame is executed", (_, xids) => {
    const stage = new Stage();
    const client = stage.attach();
    client.values(...xids.map((xid) => [xid, Op.create, `/n${xid}`, null, 0, null, 0, 0, null]));
    expect(client.transcript()).toEqual(["goodbye PROTOCOL_ERROR"]);
    expect(stage.state.tree.numChildren(0)).toBe(1);
  });

  test("up to the last safe integer are fine; none comes after it", () => {
    const stage = new Stage();
    const client = stage.attach();
    client.askWith(2 ** 53 - 1, create("/a"));
    expect(client.reply(2 ** 53 - 1).code).toBe(0);
    client.values([2 ** 53 - 1, Op.whoAmI]);
    expect(client.goodbye).toMatchObject({ code: -204 });
  });
});

test("close answers, deletes the session's ephemerals and closes; what was sent behind it is not executed", () => {
  const stage = new Stage();
  const client = stage.attach();
  const other = stage.attach();
  client.do(create("/e", "", { mode: 1 }));
  client.ask(close, create("/after"));
  expect(client.transcript()).toEqual(["reply 1 ok", "reply 2 ok"]);
  expect(client.closed).toEqual({ code: 1000, reason: "closed" });
  expect(other.do(get("/e")).code).toBe(-101);
  expect(errorName(other.do(get("/after")).code)).toBe("NO_NODE");
  expect(stage.engine.counters).toMatchObject({ sessionsOpened: 2, sessionsClosed: 1, sessionsExpired: 0 });
});
