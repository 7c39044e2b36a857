/** The connection is cut after the server applied a write and before its reply arrives, at each kind of write. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { type AclEntry, type Client, connect, isCorralError, op, type Stat, text } from "@corral/client";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CorraldProcess, endAll, startCorrald } from "../src/corrald-process.ts";
import { type Cut, ReplyCutter } from "../src/reply-cutter.ts";

let data: string;
let daemon: CorraldProcess;
let cutter: ReplyCutter;
/** Looks at the tree past the proxy. */
let auditor: Client;

beforeAll(async () => {
  data = await mkdtemp(path.join(tmpdir(), "corral-lost-"));
  daemon = await startCorrald({ data, limits: { maxRecordBytes: 2 << 20, segmentBytes: 4 << 20, reserveBytes: 0 } });
  cutter = await ReplyCutter.open(daemon.url);
  auditor = await connect({ servers: [daemon.url] });
});
afterAll(async () => {
  await auditor?.close();
  cutter?.close();
  await endAll();
  await rm(data, { recursive: true, force: true });
});

const ACL: readonly AclEntry[] = [{ permissions: 31, scheme: "world", id: "anyone" }];

/** A znode as it must be: the Stat that the writer was told is the one that stands there. */
async function expectStat(at: string, told: Stat, facts: Partial<Stat>): Promise<void> {
  expect(told).toMatchObject(facts);
  expect(await auditor.stat(at)).toEqual(told);
}

/** What a kind of write does below `root`, which has a child `a` with two children, and what must then be so, exactly once. */
interface Kind {
  readonly act: (client: Client, root: string) => Promise<unknown>;
  readonly check: (result: never, root: string, before: Stat, client: Client) => Promise<void>;
}

/** A create, of which the parent counts each one. */
const creating = (
  suffix: string,
  options: Parameters<Client["create"]>[2],
  name: RegExp,
  owner: (client: Client) => number,
): Kind => ({
  act: (client, root) => client.create(`${root}/${suffix}`, "new" as never, { ...options, codec: text as never }),
  async check(result: { path: string; stat: Stat }, root, before, client) {
    expect(result.path.slice(root.length + 1)).toMatch(name);
    await expectStat(result.path, result.stat, { version: 0, dataLength: 3, ephemeralOwner: owner(client) });
    expect(await auditor.stat(root)).toMatchObject({
      cversion: before.cversion + 1,
      numChildren: before.numChildren + 1,
    });
  },
});

const nobody = (): number => 0;
const itself = (client: Client): number => client.session!.id;

const KINDS: Readonly<Record<string, Kind>> = {
  create: creating("n", {}, /^n$/, nobody),
  "create, ephemeral": creating("n", { lifetime: "ephemeral" }, /^n$/, itself),
  "create, sequential": creating("n-", { sequential: true }, /^n-0000000001$/, nobody),
  "create, ephemeral sequential": creating("n-", { lifetime: "ephemeral", sequential: true }, /^n-0000000001$/, itself),
  "create, container": creating("n", { lifetime: "container" }, /^n$/, nobody),
  "create, with TTL": creating("n", { lifetime: { ttlMs: 3_600_000 } }, /^n$/, nobody),
  "create, sequential with TTL": creating(
    "n-",
    { lifetime: { ttlMs: 3_600_000 }, sequential: true },
    /^n-0000000001$/,
    nobody,
  ),
  "create with parents": {
    act: (client, root) => client.create(`${root}/p/q/r-`, null, { parents: true, sequential: true }),
    async check(result: { path: string; stat: Stat }, root, before) {
      expect(result.path).toBe(`${root}/p/q/r-0000000000`);
      await expectStat(result.path, result.stat, { version: 0 });
      expect(await auditor.stat(`${root}/p/q`)).toMatchObject({ cversion: 1, numChildren: 1 });
      expect(await auditor.stat(root)).toMatchObject({ cversion: before.cversion + 1 });
    },
  },
  set: {
    act: (client, root) => client.set(root, "changed", { codec: text }),
    check: (result: Stat, root, before) => expectStat(root, result, { version: before.version + 1, dataLength: 7 }),
  },
  "set at a version": {
    act: (client, root) => client.set(root, "changed", { codec: text, ifMatch: { version: 0 } }),
    check: (result: Stat, root) => expectStat(root, result, { version: 1 }),
  },
  setAcl: {
    act: (client, root) => client.setAcl(root, ACL),
    check: (result: Stat, root, before) => expectStat(root, result, { aversion: before.aversion + 1 }),
  },
  delete: {
    act: (client, root) => client.delete(`${root}/a/x`),
    async check(result: number, root) {
      expect(result).toBe(1);
      // Two creations, one deletion.
      expect(await auditor.stat(`${root}/a`)).toMatchObject({ cversion: 3, numChildren: 1 });
    },
  },
  deleteTree: {
    act: (client, root) => client.delete(`${root}/a`, { recursive: true }),
    async check(result: number, root, before) {
      expect(result).toBe(3);
      expect(await auditor.stat(root)).toMatchObject({ cversion: before.cversion + 1, numChildren: 0 });
    },
  },
  multi: {
    act: (client, root) =>
      client.multi([op.create(`${root}/m-`, null, { sequential: true }), op.set(root, null), op.delete(`${root}/a/x`)]),
    async check(result: readonly [{ path: string; stat: Stat }, Stat, undefined], root, before) {
      const [created, changed] = result;
      expect(created.path).toBe(`${root}/m-0000000001`);
      await expectStat(created.path, created.stat, { version: 0 });
      expect(changed.version).toBe(before.version + 1);
      expect(await auditor.stat(root)).toMatchObject({ version: before.version + 1, cversion: before.cversion + 1 });
      expect(await auditor.stat(`${root}/a`)).toMatchObject({ cversion: 3 });
    },
  },
  multiEach: {
    act: (client, root) =>
      client.multiEach([
        op.create(`${root}/a`),
        op.create(`${root}/e-`, null, { sequential: true }),
        op.set(root, null),
      ]),
    async check(result: readonly { ok: boolean; value?: unknown; error?: { code: string } }[], root, before) {
      expect(result).toMatchObject([
        { ok: false, error: { code: "NODE_EXISTS" } },
        { ok: true, value: { path: `${root}/e-0000000001` } },
        { ok: true, value: { version: 1 } },
      ]);
      expect(await auditor.stat(root)).toMatchObject({ version: before.version + 1, cversion: before.cversion + 1 });
    },
  },
  "a refused create": {
    act: (client, root) =>
      client.create(`${root}/a`).catch((error: unknown) => (isCorralError(error) ? error.code : error)),
    async check(result: string, root, before) {
      expect(result).toBe("NODE_EXISTS");
      expect(await auditor.stat(root)).toEqual(before);
    },
  },
  addAuth: {
    act: (client) => client.addAuth("digest", "user:password"),
    async check(_result: undefined, _root, _before, client) {
      const digests = (await client.whoAmI()).filter(({ scheme }) => scheme === "digest");
      expect(digests).toEqual([{ scheme: "digest", id: "user" }]);
    },
  },
};

const CUTS: readonly (readonly [Cut, string])[] = [
  ["reply", "applied, and nothing of the reply arrives"],
  ["half", "applied, and half of the reply arrives"],
  ["request", "lost on the way to the server"],
];

let roots = 0;
async function newRoot(): Promise<{ root: string; before: Stat }> {
  const root = `/root-${++roots}`;
  for (const at of ["", "/a", "/a/x", "/a/y"]) await auditor.create(root + at);
  return { root, before: (await auditor.stat(root))! };
}

describe.each(CUTS)("%s: %s", (cut) => {
  test.each(Object.keys(KINDS))(
    "%s is answered once with the true result, and the tree has changed once",
    async (name) => {
      const { act, check } = KINDS[name]!;
      const { root, before } = await newRoot();
      await using client = await connect({ servers: [cutter.url] });
      // Nothing of the handshake is under way any more.
      await client.sync();
      const isCut = cutter.arm(cut);
      let settlements = 0;
      const acting = act(client, root).finally(() => settlements++);
      await isCut;
      const result = await acting;
      // Its own next write comes after whatever is sent again.
      await client.sync();
      expect(settlements).toBe(1);
      expect(client.stats()).toMatchObject({ reconnects: 1, sessionsLost: 0, inFlight: 0 });
      await check(result as never, root, before, client);
    },
  );

  test("pipelined writes are each applied once and in order", async () => {
    const { root, before } = await newRoot();
    await using client = await connect({ servers: [cutter.url] });
    await client.sync();
    const isCut = cutter.arm(cut);
    const versions = Array.from({ length: 50 }, (_, index) => client.set(root, String(index), { codec: text }));
    await isCut;
    expect((await Promise.all(versions)).map(({ version }) => version)).toEqual(
      versions.map((_, index) => before.version + index + 1),
    );
    expect(await auditor.get(root, { codec: text })).toMatchObject({
      value: "49",
      stat: { version: before.version + 50 },
    });
  });

  test("close ends the session once, and its ephemerals with it", async () => {
    const { root } = await newRoot();
    const client = await connect({ servers: [cutter.url] });
    await client.create(`${root}/e`, null, { lifetime: "ephemeral" });
    const before = (await auditor.stat(root))!;
    const isCut = cutter.arm(cut);
    const closing = client.close();
    await isCut;
    await closing;
    expect(client.state.name).toBe("closed");
    expect(await auditor.exists(`${root}/e`)).toBe(false);
    expect(await auditor.stat(root)).toMatchObject({
      cversion: before.cversion + 1,
      numChildren: before.numChildren - 1,
    });
  });
});
