import { Op } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import type { ClientState } from "../src/session/state.ts";
import { agreeable, connectHarness, errorOf, openHarness, rejection, standing } from "./harness.ts";
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

describe("connecting", () => {
  test("tries every server of a round once, in an order that differs, and pauses between rounds", async () => {
    const { clock, server, client } = openHarness({ servers: ["ws://a", "ws://b", "ws://c"] });
    server.door = "refuse";
    await settled();
    expect([...server.dialled].sort()).toEqual(["ws://a", "ws://b", "ws://c"]);
    await clock.advance(20_000);
    const rounds = server.dialled.length / 3;
    expect(rounds).toBeLessThan(30);
    expect(rounds).toBeGreaterThan(6);
    const orders = new Set(
      Array.from({ length: Math.floor(rounds) }, (_, i) => server.dialled.slice(i * 3, i * 3 + 3).join()),
    );
    expect(orders.size).toBeGreaterThan(1);
    for (let i = 0; i + 3 <= server.dialled.length; i += 3)
      expect(new Set(server.dialled.slice(i, i + 3)).size).toBe(3);
    expect(client.state).toMatchObject({ name: "connecting" });
  });

  test("asks for the servers anew in each round", async () => {
    let known = ["ws://old"];
    const { clock, server, client } = openHarness({ servers: () => Promise.resolve(known) });
    server.door = "refuse";
    await settled();
    known = ["ws://new"];
    server.door = "open";
    await clock.advance(200);
    expect(server.dialled[0]).toBe("ws://old");
    expect(client.state).toMatchObject({ name: "connected", server: "ws://new" });
  });

  test("a black hole costs one attempt's time, then the next server is tried", async () => {
    const { clock, server, client } = openHarness({ servers: ["ws://a"], session: { timeoutMs: 9_000 } });
    server.door = "hang";
    await clock.advance(2_999);
    expect(server.dialled.length).toBe(1);
    server.door = "open";
    await clock.advance(200);
    expect(client.state.name).toBe("connected");
  });

  test("a refused credential closes the client: no other attempt can succeed", async () => {
    const { server, client, clock } = openHarness();
    server.refusal = "AUTH_FAILED";
    expect(await errorOf(client.ready())).toMatchObject({ code: "AUTH_FAILED" });
    expect(client.state).toMatchObject({ name: "closed" });
    expect(clock.pendingTimers).toBe(0);
  });

  test("a server that is behind is passed over; if all are, the session is over and what was seen is forgotten", async () => {
    const { client, clock, server } = await connectHarness({ servers: ["ws://a", "ws://b"] });
    const states = record(client);
    server.refusal = "SERVER_WENT_BACK";
    server.last.cut();
    await clock.advance(200);
    expect(server.connections.length).toBeGreaterThanOrEqual(3);
    expect(server.connections.slice(1, 3).map(({ hello }) => hello?.session.kind)).toEqual(["resume", "resume"]);
    expect(states.at(-1)).toMatchObject({ name: "connecting" });
    expect(states.find(({ name }) => name === "expired")).toMatchObject({
      by: "server",
      cause: { code: "SERVER_WENT_BACK" },
    });
    server.refusal = undefined;
    server.clusterId = "c2";
    await clock.advance(10_000);
    expect(server.last.hello).toMatchObject({ clusterId: null, lastZxid: 0, session: { kind: "new" } });
    expect(client.state.name).toBe("connected");
  });

  test("Hello tells the newest zxid that was seen, and the credentials, those of addAuth too", async () => {
    const { client, clock, server } = await connectHarness({ auth: [{ scheme: "digest", credential: "a:b" }] });
    server.answer = agreeable;
    await client.addAuth("digest", "c:d");
    server.zxid += 5;
    await client.sync();
    server.last.cut();
    await clock.advance(1_000);
    const { hello } = server.last;
    expect(hello?.lastZxid).toBe(server.zxid);
    expect(hello?.clusterId).toBe("c1");
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    expect(hello?.credentials.map(({ credential }) => new Uint8Array(credential))).toEqual([
      bytes("a:b"),
      bytes("c:d"),
    ]);
  });

  test("a credential refused by addAuth is that call's error; the session goes on without it", async () => {
    const { client, clock, server } = await connectHarness();
    const states = record(client);
    server.answer = (request, connection) => {
      if (request.op === Op.addAuth) connection.goodbye("AUTH_FAILED");
      return undefined;
    };
    const refused = rejection(client.addAuth("digest", "wrong"));
    await clock.advance(1_000);
    expect(await refused).toMatchObject({ code: "AUTH_FAILED", op: "addAuth", outcome: "no" });
    expect(names(states)).toEqual(["suspended", "connected"]);
    expect(server.last.requests).toEqual([]);
    expect(server.last.hello?.credentials).toEqual([]);
  });

  test("connections that break at once are not made again at once", async () => {
    const { clock, server, client } = await connectHarness();
    server.answer = (_request, connection) => {
      connection.cut();
      return undefined;
    };
    const poison = client.get("/poison", { timeoutMs: Infinity }).catch(() => undefined);
    await clock.advance(30_000);
    expect(server.connections.length).toBeLessThan(60);
    await client.close({ timeoutMs: 0 });
    await poison;
  });
});

describe("the end of a client", () => {
  test("close ends the session after what was asked, and everything after it is CLOSED", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    const write = client.set("/a", null);
    const closed = client.close();
    expect(await errorOf(client.get("/a"))).toMatchObject({ code: "CLOSED", outcome: "no" });
    await closed;
    expect(await standing(write)).toHaveProperty("value");
    expect(server.last.requests.map(({ op }) => op)).toEqual([Op.set, Op.close]);
    expect(server.last.isOpen).toBe(false);
    expect(client.state).toEqual({ name: "closed" });
    expect(clock.pendingTimers).toBe(0);
    await client.close();
  });

  test("close leaves no promise pending when the server does not answer", async () => {
    const { client, clock, server } = await connectHarness();
    server.isDeaf = true;
    const write = rejection(client.set("/a", null));
    const reading = rejection(client.get("/a"));
    const closed = client.close({ timeoutMs: 1_000 });
    await clock.advance(1_000);
    await closed;
    expect(await write).toMatchObject({ code: "CLOSED", outcome: "unknown" });
    expect(await reading).toMatchObject({ code: "CLOSED", outcome: "no" });
    expect(clock.pendingTimers).toBe(0);
  });

  test("detach leaves the session for another client, which goes on with higher numbers", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    await client.create("/a");
    const last = client.create("/b");
    const left = await client.detach();
    await last;
    expect(left).toMatchObject({ id: server.sessionId, acked: 2, clusterId: "c1", lastZxid: server.zxid });
    expect(server.last.requests.map(({ op }) => op)).not.toContain(Op.close);
    expect(client.state.name).toBe("closed");
    expect(clock.pendingTimers).toBe(0);
    const heir = await connectHarness({ session: { resume: left } }, server);
    expect(server.last.hello?.session).toMatchObject({ kind: "resume", id: left.id, acked: 2 });
    expect(heir.client.state).toMatchObject({ name: "connected", resumed: true });
    await heir.client.sync();
    expect(server.last.requests[0]?.xid).toBeGreaterThan(2);
  });

  test("a session to be taken over that is gone is expired, and renewed", async () => {
    const resume = { id: 5, secret: new Uint8Array(16), acked: 0, lastZxid: 0, clusterId: "c1" };
    const { client, clock, server } = openHarness({ session: { resume } });
    const states = record(client);
    await clock.advance(1_000);
    expect(names(states)).toEqual(["expired", "connecting", "connected"]);
    expect(states[0]).toMatchObject({ by: "server", sessionId: 5 });
    expect(server.last.hello?.session.kind).toBe("new");
  });

  test("states() begins with the present one and ends after closed; a listener that throws changes nothing", async () => {
    const { client, server, clock, log } = await connectHarness();
    server.answer = agreeable;
    client.on("state", () => {
      throw new Error("mine");
    });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const state of client.states()) seen.push(state.name);
    })();
    server.last.cut();
    await clock.advance(1_000);
    await client.close();
    await reading;
    expect(seen).toEqual(["connected", "suspended", "connected", "closed"]);
    expect(log.some(({ level }) => level === "error")).toBe(true);
  });
});
