/** ACLs and identities, as a user meets them: docs/features.md, rows 79 to 95. */
import { type AclEntry, type Client, Permission, READ_ACL } from "@corral/client";
import { digestId } from "@corral/server";
import { describe, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../src/index.ts";
import { bytes, failure } from "./feature-words.ts";

const digest = (
  user: string,
): { readonly auth: readonly [{ readonly scheme: string; readonly credential: string }] } => ({
  auth: [{ scheme: "digest", credential: `${user}:secret` }],
});
const only = (user: string, permissions: number = Permission.all): AclEntry[] => [
  { permissions, scheme: "digest", id: digestId(user, "secret") },
];

/** Which permissions a client has on /p, found out by trying. */
async function permissionsOf(client: Client, server: TestServer): Promise<string[]> {
  const root = await server.connect(digest("root"));
  const allowed: string[] = [];
  const attempt = async (name: string, call: () => Promise<unknown>): Promise<void> => {
    const code = await call().then(
      () => "OK",
      (error: { code: string }) => error.code,
    );
    expect(["OK", "NO_AUTH"]).toContain(code);
    if (code === "OK") allowed.push(name);
  };
  const { acl } = await root.getAcl("/p");
  await root.create("/p/child");
  await attempt("read", () => client.get("/p"));
  await attempt("write", () => client.set("/p", bytes("1")));
  await attempt("create", () => client.create("/p/new"));
  await attempt("delete", () => client.delete("/p/child"));
  await attempt("admin", () => client.setAcl("/p", acl));
  for (const path of ["/p/child", "/p/new"]) await root.delete(path, { missing: "ok" });
  await root.close();
  return allowed;
}

const withRoot = (): Promise<TestServer> =>
  startTestServer({ options: { superIdentities: [{ scheme: "digest", id: digestId("root", "secret") }] } });

describe("an ACL", () => {
  test("is each znode's own, and grants each of five permissions for itself", async () => {
    await using server = await withRoot();
    const [root, client] = [await server.connect(digest("root")), await server.connect()];
    await root.create("/p");
    for (const name of ["read", "write", "create", "delete", "admin"] as const) {
      await root.setAcl("/p", [{ permissions: Permission[name], scheme: "world", id: "anyone" }]);
      expect(await permissionsOf(client, server)).toEqual([name]);
    }
    await root.create("/p/below");
    await client.get("/p/below");
  });

  test("of the scheme world holds for everyone", async () => {
    await using server = await withRoot();
    const root = await server.connect(digest("root"));
    await root.create("/p", null, { acl: READ_ACL });
    for (const client of [await server.connect(), await server.connect(digest("ann"))]) {
      expect(await permissionsOf(client, server)).toEqual(["read"]);
    }
  });

  test("of the scheme ip holds for clients of an address or a net", async () => {
    await using server = await withRoot();
    const [root, client] = [await server.connect(digest("root")), await server.connect()];
    const { id: address } = (await client.whoAmI()).find(({ scheme }) => scheme === "ip")!;
    await root.create("/p");
    const allowedBy = async (id: string): Promise<string[]> => {
      await root.setAcl("/p", [{ permissions: Permission.read, scheme: "ip", id }]);
      return permissionsOf(client, server);
    };
    expect(await allowedBy(address)).toEqual(["read"]);
    expect(await allowedBy(`${address.replace(/\.\d+$/, ".0")}/24`)).toEqual(["read"]);
    expect(await allowedBy("203.0.113.7")).toEqual([]);
    expect(await allowedBy("203.0.113.0/24")).toEqual([]);
  });

  test("of the scheme digest holds for whoever knows user and password", async () => {
    await using server = await withRoot();
    const root = await server.connect(digest("root"));
    await root.create("/p", null, { acl: only("ann", Permission.read | Permission.write) });
    expect(await permissionsOf(await server.connect(digest("ann")), server)).toEqual(["read", "write"]);
    expect(await permissionsOf(await server.connect(digest("bob")), server)).toEqual([]);
    expect(
      await permissionsOf(await server.connect({ auth: [{ scheme: "digest", credential: "ann:guess" }] }), server),
    ).toEqual([]);
  });

  test("of the scheme auth stands for the identities of whoever sets it", async () => {
    await using server = await withRoot();
    const ann = await server.connect(digest("ann"));
    await ann.create("/p", null, { acl: [{ permissions: Permission.all, scheme: "auth", id: "" }] });
    expect((await ann.getAcl("/p")).acl).toEqual(only("ann"));
    expect(await permissionsOf(ann, server)).toHaveLength(5);
    const nobody = await server.connect();
    expect(await permissionsOf(nobody, server)).toEqual([]);
    expect(
      await failure(nobody.create("/q", null, { acl: [{ permissions: 31, scheme: "auth", id: "" }] })),
    ).toMatchObject({ code: "INVALID_ACL", path: "/q" });
  });

  test("is no bar to a super identity", async () => {
    await using server = await withRoot();
    const [root, ann] = [await server.connect(digest("root")), await server.connect(digest("ann"))];
    await ann.create("/p", bytes("1"), { acl: only("ann") });
    expect(await permissionsOf(root, server)).toHaveLength(5);
    expect(await permissionsOf(await server.connect(digest("bob")), server)).toEqual([]);
  });

  test("is read with the Stat, and set at the expected version of the ACL", async () => {
    await using server = await startTestServer();
    const ann = await server.connect(digest("ann"));
    await ann.create("/a");
    const { stat } = await ann.getAcl("/a");
    expect((await ann.setAcl("/a", only("ann"), { aversion: stat.aversion })).aversion).toBe(stat.aversion + 1);
    expect(await failure(ann.setAcl("/a", READ_ACL, { aversion: stat.aversion }))).toMatchObject({
      code: "BAD_VERSION",
    });
    expect(await ann.getAcl("/a")).toMatchObject({ acl: only("ann"), stat: { aversion: 1 } });
  });

  test("hides its digests from those who may read it and not change it", async () => {
    await using server = await startTestServer();
    const [ann, other] = [await server.connect(digest("ann")), await server.connect()];
    await ann.create("/a", null, { acl: [...only("ann"), ...READ_ACL] });
    expect((await ann.getAcl("/a")).acl[0]!.id).toBe(digestId("ann", "secret"));
    expect((await other.getAcl("/a")).acl[0]!.id).toBe("ann:x");
  });
});

test("a connection may have several identities, added one after the other, kept over a reconnect", async () => {
  await using server = await startTestServer();
  const owner = await server.connect(digest("ann"));
  await owner.create("/ann", bytes("a"), { acl: only("ann") });
  await owner.addAuth("digest", "bob:secret");
  await owner.create("/bob", bytes("b"), { acl: only("bob") });
  await owner.create("/both", null, { acl: [{ permissions: Permission.all, scheme: "auth", id: "" }] });
  expect((await owner.getAcl("/both")).acl).toEqual([...only("ann"), ...only("bob")]);
  server.faults.cut(owner);
  const reading = Promise.all([owner.get("/ann"), owner.get("/bob")]);
  await server.clock.advance(5_000);
  expect((await reading).map(({ value }) => Buffer.from(value ?? []).toString())).toEqual(["a", "b"]);
  expect((await owner.whoAmI()).map(({ id }) => id)).toEqual(expect.arrayContaining(["ann", "bob"]));
});
