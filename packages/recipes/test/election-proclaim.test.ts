/** What a leader proclaims, and what others are told who ask for the current one. */
import { startTestServer } from "@corral/testing";
import { expect, test } from "vitest";
import { connect, fails, named, sleep, utf8 } from "./electing.ts";
import { eventually } from "./faults/stage.ts";

test("what the leader proclaims is shown with it, and goes with its term", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const watching = named(b, "b");
  expect(await watching.current()).toBeUndefined();
  const leader = await named(a, "a").campaign();
  expect(await watching.current()).toEqual({ identity: "a", term: leader.term, value: undefined, isMine: false });
  await leader.proclaim(utf8.encode("ws://a"));
  expect(await watching.current()).toMatchObject({ identity: "a", value: utf8.encode("ws://a") });
  expect(await named(a, "a").current()).toMatchObject({ isMine: true });
  const next = watching.campaign();
  await leader.resign();
  expect(await watching.current()).toEqual({ identity: "b", term: (await next).term, value: undefined, isMine: true });
});

test("of several values proclaimed at once the latest is shown in the end", async () => {
  await using server = await startTestServer({ latencyMs: 1 });
  const a = await connect(server);
  const leader = await eventually(server, named(a, "a").campaign());
  const all = Promise.all(Array.from({ length: 20 }, (_, i) => leader.proclaim(Uint8Array.of(i))));
  await eventually(server, all);
  expect(await eventually(server, named(a, "a").current())).toMatchObject({ value: Uint8Array.of(19) });
});

test("a value is shown as it was when it was proclaimed, whatever becomes of the bytes", async () => {
  await using server = await startTestServer();
  const a = await connect(server);
  const leader = await named(a, "a").campaign();
  // Of a Buffer a `slice` would be the same bytes.
  const bytes = Buffer.of(1, 2);
  const proclaiming = leader.proclaim(bytes);
  bytes.fill(0);
  await proclaiming;
  expect(await named(a, "a").current()).toMatchObject({ value: Uint8Array.of(1, 2) });
});

test("a proclamation and a request to resign do not undo each other", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const leader = await named(a, "a").campaign();
  const both = Promise.all([leader.proclaim(Uint8Array.of(1)), named(b, "b").requestRevoke("maintenance")]);
  expect((await eventually(server, both))[1]).toBe(true);
  await server.clock.advance(2_000);
  expect(leader.revokeRequested.reason).toEqual({ by: "b", why: "maintenance" });
  await leader.proclaim(Uint8Array.of(2));
  await server.clock.runUntilIdle();
  const stands = server.dump().find(({ path }) => path === leader.path);
  expect(JSON.parse(new TextDecoder().decode(stands!.data))).toEqual({
    identity: "a",
    value: "Ag==",
    revoke: { by: "b", why: "maintenance" },
  });
  expect(await named(b, "b").current()).toMatchObject({ value: Uint8Array.of(2) });
});

test("only who leads can proclaim: after the loss it rejects with why, and the next leader's value stands", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const first = await named(a, "a").campaign();
  const next = named(b, "b").campaign();
  await server.clock.runUntilIdle();
  expect(await named(b, "b").evict(first.term)).toBe(true);
  // The news may be underway still: whichever comes first, it does not happen.
  const refused = await fails(first.proclaim(Uint8Array.of(1)));
  expect(refused.code).toBe("GUARD_FAILED");
  expect(first.isValid).toBe(false);
  const second = await next;
  await second.proclaim(Uint8Array.of(2));
  expect(await fails(first.proclaim(Uint8Array.of(1)))).toMatchObject({ code: "GUARD_FAILED" });
  await first.resign();
  expect(await fails(first.proclaim(Uint8Array.of(1)))).toMatchObject({ code: "GUARD_FAILED" });
  await second.resign();
  expect(await fails(second.proclaim(Uint8Array.of(1)))).toMatchObject({ code: "CLOSED" });
});

test("a proclamation that is refused before the news of the loss has come ends the leadership here too", async () => {
  await using server = await startTestServer({ latencyMs: 10 });
  const [a, b] = await Promise.all([connect(server), connect(server)]);
  const leader = await eventually(server, named(a, "a").campaign());
  // On their way at the same time; the watch is used up by the change, so that nobody tells of the deletion.
  const evicting = Promise.all([b.set(leader.path, utf8.encode("?")), b.delete(leader.path)]);
  const proclaiming = sleep(a, 5).then(async () => [
    (await fails(leader.proclaim(Uint8Array.of(1)))).code,
    leader.isValid,
  ]);
  expect(await eventually(server, proclaiming)).toEqual(["GUARD_FAILED", false]);
  await evicting;
});

test("a proclamation never changes a znode that somebody else made in the leader's place", async () => {
  await using server = await startTestServer({ latencyMs: 10 });
  const [a, b] = await Promise.all([connect(server), connect(server)]);
  const leader = await eventually(server, named(a, "a").campaign());
  const replacing = Promise.all([b.delete(leader.path), b.create(leader.path, utf8.encode("mine"))]);
  const proclaiming = sleep(a, 5).then(() => fails(leader.proclaim(Uint8Array.of(1))));
  expect((await eventually(server, proclaiming)).code).toBe("GUARD_FAILED");
  await replacing;
  expect(server.dump().find(({ path }) => path === leader.path)).toMatchObject({ version: 0 });
});

test("a proclamation whose reply is lost is made once", async () => {
  await using server = await startTestServer();
  const a = await connect(server);
  const leader = await named(a, "a").campaign();
  using dropped = server.faults.dropReply({ op: "set" });
  const stat = await eventually(server, leader.proclaim(Uint8Array.of(1)));
  expect(dropped.hits).toBe(1);
  expect(stat.version).toBe(1);
  expect(leader.isValid).toBe(true);
});

test("current costs two reads, whatever the number of candidates", async () => {
  await using server = await startTestServer();
  const [a, b] = [await connect(server), await connect(server)];
  const over = new AbortController();
  const leader = await named(a, "a").campaign();
  const waiting = Array.from({ length: 50 }, (_, i) => fails(named(a, `${i}`).campaign({ signal: over.signal })));
  await server.clock.runUntilIdle();
  const before = server.requests({ client: 2 }).length;
  expect((await named(b, "b").current())?.term).toBe(leader.term);
  expect(server.requests({ client: 2 }).length - before).toBe(2);
  over.abort();
  await Promise.all(waiting);
});

test("current follows a leader that goes between its two reads", async () => {
  await using server = await startTestServer({ latencyMs: 1 });
  const [a, b, c] = [await connect(server), await connect(server), await connect(server)];
  const leader = await eventually(server, named(a, "a").campaign());
  const next = named(b, "b").campaign();
  await server.clock.advance(100);
  using struck = server.faults.at({ op: "children", client: 3 }, () => void leader.resign());
  // The resignation is on its way when the children are listed, and done when the first is read.
  server.faults.delayReply({ op: "children" }, 50);
  const current = await eventually(server, named(c, "c").current());
  expect(struck.hits).toBe(1);
  expect(current?.term).toBe((await next).term);
});
