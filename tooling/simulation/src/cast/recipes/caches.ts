/** Parts of the tree in memory; and directories that go with their session. */
import { isCorralError, text } from "@corral/client";
import { type Cache, cache, temporaryDirectory } from "@corral/recipes";
import { between, type Draw, oneOf } from "@corral/testing/world";
import { cacheLine } from "../../check/recipes/views.ts";
import { ROOT } from "./company.ts";
import { allowed, type Member, type Use } from "./member.ts";
import { allBelow } from "./tree.ts";

export const CACHED: string = `${ROOT}/cached`;
export const DIRECTORIES: string = `${ROOT}/directories`;
const NAMES = ["a", "b", "c"];
/** Looks of one life that are written down. */
const VIEWS_MAX = 60;

export function caches(member: Member): Use {
  const { client, company } = member;
  const { views } = company.book;
  let opened = 0;
  let looks = 0;
  let mine: Cache<string> | undefined;

  const look = (one: Cache<string>, who: string): void => {
    if (++looks > VIEWS_MAX || one.signal.aborted) return;
    const lines = [...one.entries()].map(({ path, value, stat }) => cacheLine(path, stat.czxid, stat.mzxid, value));
    views.push({ who, of: "cache", path: CACHED, zxid: one.zxid, at: company.at, lines: lines.sort() });
  };
  const openIt = async (): Promise<Cache<string>> => {
    const who = `${member.name}.${++opened}`;
    const one = await cache(client, CACHED, { codec: text });
    one.on(() => look(one, who));
    look(one, who);
    return one;
  };
  const write = async (draw: Draw, value: string): Promise<number> => {
    const path = `${CACHED}/${oneOf(draw, NAMES)}${draw() < 0.5 ? "" : `/${oneOf(draw, NAMES)}`}`;
    const kind = draw();
    if (kind < 0.6)
      return (await client.update(path, () => value, { codec: text, create: { parents: true } })).stat.mzxid;
    if (kind < 0.7) await client.create(path, value, { codec: text, lifetime: "ephemeral", parents: true });
    else await client.delete(path, { recursive: true, missing: "ok" });
    return client.sync();
  };

  return {
    async step(draw) {
      if (mine === undefined || mine.signal.aborted) mine = await openIt();
      const one = mine;
      const kind = draw();
      if (kind < 0.1) {
        mine = undefined;
        return one.close();
      }
      const zxid = await allowed(
        write(draw, `${member.name} ${kind.toFixed(6)}`),
        "NODE_EXISTS",
        "NO_CHILDREN_FOR_EPHEMERALS",
      );
      if (zxid === undefined) return;
      await one.atLeast(zxid);
      if (one.zxid < zxid) member.violate(`a cache is at ${one.zxid}, and was to be at ${zxid}`);
    },
    async finish() {
      if (mine === undefined || mine.signal.aborted) mine = await openIt();
      const zxid = await client.sync();
      await mine.atLeast(zxid);
      // A life's last look is written down whatever it has written before.
      looks = 0;
      look(mine, `${member.name}.${opened}`);
    },
    look() {
      if (mine === undefined || mine.signal.aborted) return;
      const has = [...mine.entries()].map(({ path, value, stat }) => cacheLine(path, stat.czxid, stat.mzxid, value));
      const state = company.stage.state();
      const meant = allBelow(state, CACHED).map(({ path, czxid, mzxid, text: data }) =>
        cacheLine(path, czxid, mzxid, data),
      );
      if (has.sort().join("; ") !== meant.sort().join("; "))
        member.violate(`at rest a cache has ${has.join("; ")}, and there is ${meant.join("; ")}`);
      if (mine.freshness !== "live") member.violate(`at rest a cache is ${mine.freshness}`);
    },
    async leave() {
      await mine?.close();
      for (const path of await client.ephemerals(CACHED)) await client.delete(path, { missing: "ok" });
    },
  };
}

export function directories(member: Member): Use {
  const { client } = member;
  return {
    async step(draw) {
      await using scratch = await temporaryDirectory(client, DIRECTORIES, { prefix: "t-" });
      const { czxid, path: node } = scratch.guard as { readonly czxid: number; readonly path: string };
      const { token } = scratch;
      member.company.got(member, { kind: "directory", place: DIRECTORIES, node, czxid, token }, scratch);
      for (let i = between(draw, 1, 3); i > 0; i--) {
        await scratch.create(`${oneOf(draw, NAMES)}/${i}`, "x", { codec: text, parents: true });
        await member.pause(between(draw, 0, 400));
      }
      await scratch.list(oneOf(draw, NAMES)).catch((error: unknown) => {
        if (!isCorralError(error, "NO_NODE")) throw error;
      });
      if (draw() < 0.2) await client.delete(node, { missing: "ok" });
    },
    finish: () => Promise.resolve(),
  };
}
