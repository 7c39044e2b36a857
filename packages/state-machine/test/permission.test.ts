import { OPEN_ACL, Permission } from "@corral/protocol";
import { describe, expect, test } from "vitest";
import { DEFAULT_OPTIONS, addressBytes, allows, maskDigests } from "../src/index.ts";
import { resolveAcl } from "../src/permission.ts";
import { World, create, del, set, setAcl } from "./world.ts";

const entry = (permissions: number, scheme: string, id: string) => ({ permissions, scheme, id });
const bob = { scheme: "digest", id: "bob:x" };
const options = DEFAULT_OPTIONS;

describe("an ACL allows", () => {
  test.each<[string, readonly [number, string, string][], number, readonly [string, string][], boolean]>([
    ["everyone, by world", [[1, "world", "anyone"]], 1, [], true],
    ["nothing beyond its bits", [[1, "world", "anyone"]], 2, [], false],
    ["any of the wanted bits", [[16, "world", "anyone"]], 1 | 16, [], true],
    ["whoever has the identity", [[4, "digest", "bob:x"]], 4, [["digest", "bob:x"]], true],
    ["nobody else", [[4, "digest", "bob:x"]], 4, [["digest", "bob:y"]], false],
    ["not the same id in another scheme", [[4, "digest", "bob:x"]], 4, [["x509", "bob:x"]], false],
    ["a certificate's subject, character by character", [[4, "x509", "CN=a,O=b"]], 4, [["x509", "CN=a,O=b"]], true],
    ["not a subject in another order", [[4, "x509", "CN=a,O=b"]], 4, [["x509", "O=b,CN=a"]], false],
    [
      "by a later entry too",
      [
        [1, "world", "anyone"],
        [2, "digest", "bob:x"],
      ],
      2,
      [
        ["ip", "1.2.3.4"],
        ["digest", "bob:x"],
      ],
      true,
    ],
    ["an address", [[1, "ip", "10.1.2.3"]], 1, [["ip", "10.1.2.3"]], true],
    ["a net", [[1, "ip", "10.1.0.0/16"]], 1, [["ip", "10.1.2.3"]], true],
    ["not its neighbour", [[1, "ip", "10.1.0.0/16"]], 1, [["ip", "10.2.2.3"]], false],
    ["a net that ends within a byte", [[1, "ip", "10.1.128.0/17"]], 1, [["ip", "10.1.200.3"]], true],
    ["not outside of it", [[1, "ip", "10.1.128.0/17"]], 1, [["ip", "10.1.100.3"]], false],
    ["every address of its family by /0", [[1, "ip", "0.0.0.0/0"]], 1, [["ip", "200.1.2.3"]], true],
    ["not the other family", [[1, "ip", "0.0.0.0/0"]], 1, [["ip", "::1"]], false],
    [
      "an address of version 6, however written",
      [[1, "ip", "2001:db8::1"]],
      1,
      [["ip", "2001:0DB8:0:0:0:0:0:1"]],
      true,
    ],
    ["a net of version 6", [[1, "ip", "2001:db8::/32"]], 1, [["ip", "2001:db8:5::9"]], true],
    ["a version 4 address that came in version 6", [[1, "ip", "10.0.0.0/8"]], 1, [["ip", "::ffff:10.9.8.7"]], true],
  ])("%s", (_, acl, permission, identities, isAllowed) => {
    const list = acl.map(([permissions, scheme, id]) => entry(permissions, scheme, id));
    expect(
      allows(
        list,
        permission,
        identities.map(([scheme, id]) => ({ scheme, id })),
        options,
      ),
    ).toBe(isAllowed);
  });

  test("everything to a super identity, and everything to everyone where there is none", () => {
    const withSuper = { ...options, superIdentities: [bob] };
    expect(allows([entry(0, "world", "anyone")], Permission.admin, [bob], withSuper)).toBe(true);
    expect(allows([entry(0, "world", "anyone")], Permission.admin, [bob], options)).toBe(false);
    expect(allows([], Permission.admin, [], options)).toBe(true);
  });
});

describe("an ACL is stored", () => {
  test("without duplicates, in its order", () => {
    const acl = [
      entry(1, "world", "anyone"),
      entry(2, "digest", "a:b"),
      entry(1, "world", "anyone"),
      entry(1, "digest", "a:b"),
    ];
    expect(resolveAcl(acl, [], options, "/a")).toEqual([acl[0], acl[1], acl[3]]);
  });

  test("with the session's own identities in place of `auth`, addresses left out", () => {
    const own = [{ scheme: "ip", id: "10.0.0.1" }, bob, { scheme: "x509", id: "CN=a" }];
    expect(resolveAcl([entry(31, "auth", "whatever")], own, options, "/a")).toEqual([
      entry(31, "digest", "bob:x"),
      entry(31, "x509", "CN=a"),
    ]);
    expect(resolveAcl([entry(31, "auth", "")], own.slice(0, 1), options, "/a")).toMatchObject({
      detail: { path: "/a", name: "auth" },
    });
  });

  test("with any permission bits as given", () => {
    expect(resolveAcl([entry(0, "world", "anyone"), entry(1024, "world", "anyone")], [], options, "/")).toEqual([
      entry(0, "world", "anyone"),
      entry(1024, "world", "anyone"),
    ]);
  });

  test.each([
    ["world", "somebody"],
    ["digest", "bob"],
    ["digest", "a:b:c"],
    ["ip", "10.0.0"],
    ["ip", "10.0.0.0/33"],
    ["ip", "10.0.0.0/8/8"],
    ["ip", "::/129"],
    ["ip", "10.0.0.0/x"],
    ["ip", ""],
    ["x509", ""],
    ["sasl", "bob"],
    ["", "x"],
    ["WORLD", "anyone"],
  ])("but not with the scheme %j and the id %j", (scheme, id) => {
    expect(resolveAcl([entry(31, scheme, id)], [bob], options, "/a")).toMatchObject({
      code: -114,
      detail: { path: "/a", name: scheme },
    });
  });

  test("nor empty, nor with more entries than allowed, also when `auth` makes them", () => {
    expect(resolveAcl([], [], options, "/a")).toMatchObject({ code: -114, detail: { name: "empty" } });
    const small = { ...options, aclEntries: 2 };
    const three = [1, 2, 3].map((n) => entry(n, "world", "anyone"));
    const limit = { code: -200, detail: { path: "/a", name: "aclEntries", limit: 2, actual: 3 } };
    expect(resolveAcl(three, [], small, "/a")).toEqual(limit);
    const identities = [1, 2, 3].map((n) => ({ scheme: "digest", id: `u${n}:x` }));
    expect(resolveAcl([entry(1, "auth", "")], identities, small, "/a")).toEqual(limit);
  });
});

test("digests are masked for those who may read an ACL but not change it", () => {
  const acl = [entry(1, "digest", "bob:secret"), entry(1, "world", "anyone"), entry(1, "ip", "10.0.0.1")];
  expect(maskDigests(acl)).toEqual([entry(1, "digest", "bob:x"), acl[1], acl[2]]);
  expect(acl[0]!.id).toBe("bob:secret");
});

test("addresses are read as they are written everywhere", () => {
  const groups = (...values: number[]): number[] => values.flatMap((value) => [value >> 8, value & 255]);
  expect(addressBytes("1.2.3.255")).toEqual([1, 2, 3, 255]);
  expect(addressBytes("::")).toEqual(new Array(16).fill(0));
  expect(addressBytes("1:2:3:4:5:6:7:8")).toEqual(groups(1, 2, 3, 4, 5, 6, 7, 8));
  expect(addressBytes("1::8")).toEqual(groups(1, 0, 0, 0, 0, 0, 0, 8));
  expect(addressBytes("64:ff9b::1.2.3.4")).toEqual(groups(0x64, 0xff9b, 0, 0, 0, 0, 0x102, 0x304));
  for (const bad of [
    "",
    "1.2.3",
    "1.2.3.256",
    "1.2.3.4.5",
    "a.b.c.d",
    "1:2",
    "1::2::3",
    ":::",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "1:2:3:4:5:6:7::8",
    "fe80::1%eth0",
  ]) {
    expect(addressBytes(bad), bad).toBeUndefined();
  }
});

describe("a write needs", () => {
  const world = (): { world: World; owner: number; bobs: number; root: number } => {
    const made = new World();
    made.options({ superIdentities: [{ scheme: "digest", id: "super:x" }] });
    return {
      world: made,
      owner: made.open(),
      bobs: made.open([bob]),
      root: made.open([{ scheme: "digest", id: "super:x" }]),
    };
  };
  const only = (permissions: number) => [entry(permissions, "digest", "bob:x")];

  test.each([
    ["CREATE on the parent to create", 4, create("/p/new")],
    ["DELETE on the parent to delete", 8, del("/p/child")],
    ["WRITE to set", 2, set("/p")],
    ["ADMIN to set the ACL", 16, setAcl("/p")],
    ["DELETE on the znode to delete what is below it", 8, { op: 205, path: "/p", nodesMax: 9 } as const],
    ["READ to check", 1, { op: 14, ops: [{ op: 13, path: "/p", kind: 0, value: -1 }] } as const],
  ])("%s", (_, permission, body) => {
    for (const bits of [permission, 31 & ~permission]) {
      const { world: w, owner, bobs, root } = world();
      w.do(
        owner,
        create("/p", 0, {
          acl: [...only(bits), entry(4, "world", "anyone")].slice(0, bits === 31 - 4 || bits === 4 ? 1 : 2),
        }),
      );
      w.do(root, create("/p/child"));
      const answers = [w.do(owner, body).code, w.do(bobs, body).code, w.do(root, body).code];
      const isCreate = permission === 4;
      expect(answers[0]).toBe("NO_AUTH");
      expect(answers[1]).toBe(bits === permission ? "OK" : "NO_AUTH");
      expect(answers[2]).toBe(
        bits === permission ? (isCreate ? "NODE_EXISTS" : permission === 8 ? "NO_NODE" : "OK") : "OK",
      );
    }
  });

  test("no permission on the znode itself to delete it", () => {
    const { world: w, owner } = world();
    w.do(owner, create("/p"));
    w.do(owner, create("/p/locked", 0, { acl: only(31) }));
    expect(w.do(owner, set("/p/locked")).code).toBe("NO_AUTH");
    expect(w.do(owner, del("/p/locked")).code).toBe("OK");
  });

  test("its permission before it is told whether the znode exists", () => {
    const { world: w, owner } = world();
    w.do(owner, create("/p", 0, { acl: [...only(31), entry(1, "world", "anyone")] }));
    for (const body of [create("/p/a"), del("/p/a"), { op: 205, path: "/p/a", nodesMax: 9 } as const]) {
      expect(w.do(owner, body)).toMatchObject({ code: "NO_AUTH", detail: { path: "/p" } });
    }
    expect(OPEN_ACL[0]!.permissions).toBe(Permission.all);
  });
});
