import { Op } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import type { ClientState } from "../src/session/state.ts";
import { agreeable, connectHarness, errorOf, rejection, standing } from "./harness.ts";
import { settled } from "./virtual-clock.ts";

const names = (states: readonly ClientState[]): string[] => states.map(({ name }) => name);

function record(client: { on(event: "state", listener: (state: ClientState) => void): unknown }): ClientState[] {
  const states: ClientState[] = [];
  client.on("state", (state) => states.push(state));
  return states;
}

describe("after a cut", () => {
  test("unanswered requests are sent again: the same numbers, in order, the same bytes, and each resolves once", async () => {
    const { client, clock, server } = await connectHarness();
    const resolved: string[] = [];
    const calls = ["/a", "/b", "/c"].map((path) => client.create(path).then(({ path: made }) => resolved.push(made)));
    await settled();
    const first = server.last;
    first.cut();
    server.answer = agreeable;
    await clock.advance(1_000);
    await Promise.all(calls);
    const second = server.last;
    expect(second).not.toBe(first);
    expect(second.hello?.session).toMatchObject({ kind: "resume", id: server.sessionId, acked: 0 });
    expect(second.bytes.slice(0, 3)).toEqual(first.bytes);
    expect(resolved).toEqual(["/a", "/b", "/c"]);
  });

  test("what was answered is not sent again, and acked says so in Hello and once in each frame", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    await client.create("/a");
    await client.create("/b");
    server.answer = () => undefined;
    const third = client.create("/c");
    await settled();
    const acks = server.last.signals.filter(({ op }) => op === Op.ack);
    expect(acks).toEqual([
      { xid: 0, op: Op.ack, acked: 1 },
      { xid: 0, op: Op.ack, acked: 2 },
    ]);
    server.last.cut();
    server.answer = agreeable;
    await clock.advance(1_000);
    await third;
    expect(server.last.hello?.session).toMatchObject({ kind: "resume", acked: 2 });
    expect(server.last.requests.map(({ xid }) => xid)).toEqual([3]);
  });

  test("a lost reply resolves the promise with the true result", async () => {
    const { client, clock, server } = await connectHarness();
    let applied = 0;
    server.answer = (request, connection) => {
      if (connection === server.connections[0]) {
        applied++;
        connection.cut();
        return undefined;
      }
      return agreeable(request);
    };
    const created = client.create("/once");
    await clock.advance(1_000);
    expect(await created).toMatchObject({ path: "/once" });
    expect(applied).toBe(1);
  });

  test("calls made meanwhile wait and go out after those", async () => {
    const { client, clock, server } = await connectHarness();
    const before = client.set("/a", null);
    await settled();
    server.last.cut();
    await settled();
    expect(client.state.name).toBe("suspended");
    const meanwhile = client.set("/b", null);
    server.answer = agreeable;
    await clock.advance(1_000);
    await Promise.all([before, meanwhile]);
    expect(server.last.requests.map((request) => "path" in request && request.path)).toEqual(["/a", "/b"]);
  });

  test("the session lives on, its signal is not aborted, and the states tell", async () => {
    const { client, clock, server } = await connectHarness();
    const states = record(client);
    const session = client.session!;
    server.last.cut();
    await clock.advance(1_000);
    expect(names(states)).toEqual(["suspended", "connected"]);
    expect(client.session).toBe(session);
    expect(session.signal.aborted).toBe(false);
    expect(client.stats()).toMatchObject({ reconnects: 1, sessionsLost: 0 });
  });
});

describe("expiry by the server", () => {
  test("a write in flight is OUTCOME_UNKNOWN, a read and what was not sent are SESSION_EXPIRED with outcome no", async () => {
    const { client, clock, server } = await connectHarness();
    const states = record(client);
    const session = client.session!;
    const write = client.set("/a", null);
    const reading = client.get("/a");
    await settled();
    server.last.cut();
    await settled();
    const unsent = client.set("/b", null);
    server.sessions.clear();
    const errors = Promise.all([write, reading, unsent].map(rejection));
    await clock.advance(1_000);
    const [a, b, c] = await errors;
    expect(a).toMatchObject({ code: "OUTCOME_UNKNOWN", outcome: "unknown", op: "set", path: "/a" });
    expect(b).toMatchObject({ code: "SESSION_EXPIRED", outcome: "no" });
    expect(c).toMatchObject({ code: "SESSION_EXPIRED", outcome: "no" });
    expect(names(states)).toEqual(["suspended", "expired", "connecting", "connected"]);
    expect(states[1]).toMatchObject({ by: "server" });
    expect(session.signal.aborted).toBe(true);
    expect(session.isValid).toBe(false);
    expect(client.session?.ordinal).toBe(2);
    expect(server.last.hello?.session.kind).toBe("new");
  });

  test("requests of the new session are numbered from 1", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    await client.sync();
    server.sessions.clear();
    server.last.goodbye("SESSION_EXPIRED");
    await clock.advance(1_000);
    await client.sync();
    expect(server.last.requests.map(({ xid }) => xid)).toEqual([1]);
  });

  test("with onExpired 'close' the client is closed, with the cause", async () => {
    const { client, clock, server } = await connectHarness({ session: { onExpired: "close" } });
    server.last.goodbye("SESSION_EXPIRED");
    await clock.advance(100);
    expect(client.state).toMatchObject({ name: "closed", cause: { code: "SESSION_EXPIRED" } });
    expect(await errorOf(client.sync())).toMatchObject({ code: "CLOSED", outcome: "no" });
    expect(clock.pendingTimers).toBe(0);
  });

  test("a session that another connection has taken is not fought over", async () => {
    const { client, clock, server } = await connectHarness();
    const states = record(client);
    server.last.goodbye("SESSION_MOVED");
    await clock.advance(1_000);
    expect(states[0]).toMatchObject({ name: "expired", by: "server", cause: { code: "SESSION_MOVED" } });
    expect(server.last.hello?.session.kind).toBe("new");
  });

  test("a refusal that says the session is gone leaves the write undone, unless it had been sent before", async () => {
    const { client, clock, server } = await connectHarness();
    const first = client.set("/a", null);
    await settled();
    server.last.cut();
    server.answer = () => ({ code: "SESSION_EXPIRED" });
    const both = standing(first);
    await clock.advance(1_000);
    await both;
    expect(await errorOf(first)).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(await errorOf(client.set("/b", null))).toMatchObject({ code: "SESSION_EXPIRED", outcome: "no" });
  });
});

describe("expiry by the local deadline", () => {
  test("comes at the send time of the last answered message plus 99 % of the timeout, not later", async () => {
    const { client, clock, server } = await connectHarness();
    const session = client.session!;
    await clock.advance(3_000); // The ping at a third of 9 s is answered: it was sent at 3 s.
    server.isMute = server.isDeaf = true;
    server.door = "hang";
    await clock.advance(8_909);
    expect(session.isValid).toBe(true);
    expect(session.signal.aborted).toBe(false);
    await clock.advance(2);
    expect(session.isValid).toBe(false);
    expect(session.signal.aborted).toBe(true);
    expect(session.signal.reason).toMatchObject({ code: "SESSION_EXPIRED" });
  });

  test("the next session replaces the old one at the server", async () => {
    const { client, clock, server } = await connectHarness();
    const states = record(client);
    const old = client.session!.id;
    server.isMute = server.isDeaf = true;
    server.door = "hang";
    await clock.advance(10_000);
    expect(states.find(({ name }) => name === "expired")).toMatchObject({ by: "local-deadline", sessionId: old });
    server.isMute = server.isDeaf = false;
    server.door = "open";
    await clock.advance(10_000);
    expect(server.last.hello?.session).toMatchObject({ kind: "replace", oldId: old });
    expect(client.state.name).toBe("connected");
    expect(client.session?.id).not.toBe(old);
  });

  test("a message that comes after it revives nothing", async () => {
    const { client, clock, server } = await connectHarness();
    const session = client.session!;
    const call = client.sync();
    const ending = standing(call);
    await settled();
    clock.stall(8_950);
    server.last.reply(1);
    await ending;
    await settled();
    expect(session.signal.aborted).toBe(true);
    expect(await errorOf(call)).toMatchObject({ code: "SESSION_EXPIRED" });
    expect(client.session).not.toBe(session);
  });

  test("a stall of the process is seen at the first look, before any timer", async () => {
    const { client, clock } = await connectHarness();
    const session = client.session!;
    clock.stall(9_000);
    expect(session.isValid).toBe(false);
    expect(session.validForMs).toBe(0);
  });

  test("a forward jump of the wall clock can only end it early, and jumping back does not revive it", async () => {
    const { client, clock } = await connectHarness();
    const session = client.session!;
    clock.jumpWall(60_000);
    expect(session.isValid).toBe(false);
    clock.jumpWall(-60_000);
    expect(session.isValid).toBe(false);
  });

  test("a backward jump of the wall clock prolongs nothing", async () => {
    const { client, clock, server } = await connectHarness();
    const session = client.session!;
    server.isMute = server.isDeaf = true;
    server.door = "hang";
    clock.jumpWall(-3_600_000);
    await clock.advance(8_912);
    expect(session.signal.aborted).toBe(true);
  });
});

describe("the heartbeat", () => {
  test("pings after a third of the timeout without a request, and not while there are some", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    const pings = (): number => server.last.signals.filter(({ op }) => op === Op.ping).length;
    for (let i = 0; i < 5; i++) {
      await clock.advance(1_000);
      await client.sync();
    }
    expect(pings()).toBe(0);
    await clock.advance(3_000);
    expect(pings()).toBe(1);
    await clock.advance(9_000);
    expect(pings()).toBe(4);
    expect(client.state.name).toBe("connected");
  });

  test("pings while requests are made and none is answered: a slow disk ends no session", async () => {
    const { client, clock, server } = await connectHarness();
    const { session } = client;
    const waiting: Promise<unknown>[] = [];
    for (let i = 0; i < 25; i++) {
      waiting.push(client.create(`/w${i}`));
      await clock.advance(500);
    }
    expect(server.last.signals.filter(({ op }) => op === Op.ping).length).toBeGreaterThanOrEqual(4);
    expect(client.session).toBe(session);
    expect(client.state.name).toBe("connected");
    void Promise.allSettled(waiting);
  });

  test("a connection that has been silent for two thirds of the timeout is given up for another", async () => {
    const { client, clock, server } = await connectHarness();
    server.isMute = server.isDeaf = true;
    await clock.advance(5_999);
    expect(client.state.name).toBe("connected");
    server.isMute = server.isDeaf = false;
    const black = server.last;
    black.isOpen = false;
    await clock.advance(200);
    expect(server.connections.length).toBe(2);
    expect(client.state).toMatchObject({ name: "connected", resumed: true });
    expect(client.stats()).toMatchObject({ sessionsLost: 0 });
  });

  test("a stall of the process does not condemn a connection whose messages wait to be read", async () => {
    const { client, clock, server } = await connectHarness();
    await clock.advance(2_000);
    clock.stall(5_000);
    server.last.event(1, "/x");
    await clock.advance(1_500);
    expect(server.connections.length).toBe(1);
    expect(client.state.name).toBe("connected");
  });
});
