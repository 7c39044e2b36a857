/** Who may claim: only a member that lives, what its target names, and for as long as both stand. */
import { json } from "@corral/client";
import { expect, test } from "vitest";
import { takeClaims } from "../src/claims/take.ts";
import { pathsOf } from "../src/layout.ts";
import { world } from "./consuming.ts";

const paths = pathsOf("g");
const PARTITIONS = [0, 1].map((partition) => ({ topic: "t", partition }));

test("nothing is claimed once the target or the life of the member is another", async () => {
  await using it = await world();
  const client = await it.client();
  const create = (path: string) => it.soon(client.create(path, {}, { codec: json(), parents: true }), 10);
  const life = { path: paths.member("m"), czxid: (await create(paths.member("m"))).stat.czxid };
  const target = { path: paths.target("m"), mzxid: (await create(paths.target("m"))).stat.mzxid };
  const taker = { client, paths, membership: { member: "m" }, isAlone: false };
  const take = (guard: readonly [typeof life, typeof target]) => it.soon(takeClaims(taker, guard, PARTITIONS), 10);
  await expect(take([{ ...life, czxid: life.czxid - 1 }, target])).rejects.toMatchObject({
    code: "GUARD_FAILED",
    path: life.path,
  });
  await expect(take([life, { ...target, mzxid: target.mzxid - 1 }])).rejects.toMatchObject({
    code: "GUARD_FAILED",
    path: target.path,
  });
  expect(it.owners()).toEqual({});
  expect((await take([life, target])).made.length).toBe(2);
  expect(it.owners()).toEqual({ "t/0": "m", "t/1": "m" });
});
