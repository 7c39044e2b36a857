import { Op, SubscriptionKind } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { op } from "../src/node/index.ts";
import { statFields } from "./fake-server.ts";
import { agreeable, connectHarness, errorOf } from "./harness.ts";
import { settled } from "./virtual-clock.ts";

describe("a client with a root", () => {
  test("puts the root before every path, and takes it off what comes back", async () => {
    const { client, server } = await connectHarness({ chroot: "/app" });
    server.answer = (request) => {
      if (request.op === Op.multi) return [[[statFields(1)]]];
      return request.op === Op.create ? [`${request.path}0000000007`, statFields(1)] : agreeable(request);
    };
    expect((await client.create("/q/", null, { sequential: true })).path).toBe("/q/0000000007");
    await client.get("/a");
    await client.children("/");
    await client.multi([op.set("/m", null)], { guard: { path: "/g", czxid: 3 } });
    expect(server.last.requests).toMatchObject([
      { path: "/app/q/" },
      { path: "/app/a" },
      { path: "/app" },
      { ops: [{ path: "/app/m" }], guards: [{ path: "/app/g", value: 3 }] },
    ]);
  });

  test("sees its own paths in errors, watches, subscriptions and ephemerals", async () => {
    const { client, server } = await connectHarness();
    const view = client.chroot("/app").chroot("/x");
    expect(view.root).toBe("/app/x");
    server.answer = () => ({ code: "NO_NODE", detail: { path: "/app/x/parent" } });
    expect(await errorOf(view.create("/parent/child"))).toMatchObject({ path: "/parent" });
    server.answer = (request) => (request.op === Op.ephemerals ? [["/app/x/e", "/app/x"], null] : agreeable(request));
    expect(await view.ephemerals()).toEqual(["/e", "/"]);
    const watch = await view.addWatch("/", { recursive: true });
    server.last.event(1, "/app/x/new");
    server.last.event(1, "/app/xy");
    server.last.event(1, "/app/x");
    expect((await watch.next()).value).toMatchObject({ path: "/new" });
    expect((await watch.next()).value).toMatchObject({ path: "/" });
    const subscription = await view.subscribe("/s");
    await settled();
    const request = server.last.requests.at(-1)!;
    server.last.subscription("id" in request ? request.id : 0, SubscriptionKind.page, [
      ["/app/x/s/1", null, statFields(1)],
    ]);
    expect((await subscription.next()).value).toMatchObject({ path: "/s/1" });
  });

  test("shares session and end with the client it was made from", async () => {
    const { client, server } = await connectHarness();
    server.answer = agreeable;
    const view = client.chroot("/app");
    expect(view.session).toBe(client.session);
    await view.close();
    expect(client.state.name).toBe("closed");
  });
});
