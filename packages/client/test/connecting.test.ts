import { Op } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import type { CorralError } from "../src/error.ts";
import type { ClientState } from "../src/session/state.ts";
import { agreeable, connectHarness, errorOf, openHarness, rejection, standing } from "./harness.ts";
import { settled } from "./virtual-clock.ts";

const names = (states: readonly ClientState[]): string[] => states.map(({ name }) => name);

function record(client: { on(event: "state", listener: (state: ClientState) => void): unknown }): ClientState[] {
  const states: ClientState[] = [];
  client.on("state", (state) => states.push(state));
  return states;
}

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

  test("a server for which Hello came too late is tried again: the way may be faster then", async () => {
    const { server, client, clock } = openHarness();
    server.refusal = "PROTOCOL_ERROR";
    server.refusalDetail = { name: "helloTimeoutMs", limit: 5_000 };
    await settled();
    expect(client.state).toMatchObject({ name: "connecting" });
    server.refusal = undefined;
    await clock.advance(1_000);
    expect(client.state).toMatchObject({ name: "connected" });
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

  test("a credential added twice is told once, and no more are added than a Hello holds", async () => {
    const { client, clock, server } = await connectHarness();
    server.answer = agreeable;
    await client.addAuth("digest", "a:b");
    await client.addAuth("digest", "a:b");
    for (let i = 1; i < 16; i++) await client.addAuth("digest", `user${i}:b`);
    expect(await rejection(client.addAuth("digest", "one:more"))).toMatchObject({
      code: "LIMIT_EXCEEDED",
      limitName: "credentials",
      limit: 16,
    });
    server.last.cut();
    await clock.advance(1_000);
    expect(server.last.hello?.credentials).toHaveLength(16);
  });

  test("credentials that are under way count too, and those of the options once", async () => {
    const { client, clock, server } = await connectHarness({ auth: [{ scheme: "digest", credential: "given:b" }] });
    const names = ["given", "user0", ...Array.from({ length: 20 }, (_, i) => `user${i}`)];
    const codes = Promise.all(
      names.map(async (name) => {
        const error = await rejection(client.addAuth("digest", `${name}:b`));
        return error === undefined ? "accepted" : (error as CorralError).code;
      }),
    );
    await settled();
    server.answer = agreeable;
    server.last.cut();
    await clock.advance(1_000);
    expect(await codes).toEqual(names.map((_, i) => (i < 17 ? "accepted" : "LIMIT_EXCEEDED")));
    server.last.cut();
    await clock.advance(1_000);
    expect(server.last.hello?.credentials).toHaveLength(16);
    expect(client.state.name).toBe("connected");
  });

  test("a credential that was refused makes room; one that a Hello has no room for is refused", async () => {
    const { client, server } = await connectHarness();
    server.answer = () => ({ code: "BAD_ARGUMENTS", detail: {} });
    for (let i = 0; i < 20; i++) {
      expect(await rejection(client.addAuth("digest", `user${i}:b`))).toMatchObject({ code: "BAD_ARGUMENTS" });
    }
    server.answer = agreeable;
    await client.addAuth("token", new Uint8Array(9_000));
    expect(await rejection(client.addAuth("token", new Uint8Array(9_001)))).toMatchObject({
      code: "LIMIT_EXCEEDED",
      limitName: "helloBytes",
      limit: 16_384,
    });
    const auth = Array.from({ length: 17 }, (_, i) => ({ scheme: "digest", credential: `user${i}:b` }));
    expect(() => openHarness({ auth })).toThrow(expect.objectContaining({ code: "BAD_ARGUMENTS" }) as Error);
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
