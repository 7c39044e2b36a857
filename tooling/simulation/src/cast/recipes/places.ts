/** Who is there, and what is there: registrations, groups, services, caches, directories that go with their session. */
import { isCorralError, text } from "@corral/client";
import {
  type Cache,
  cache,
  type Consumer,
  discovery,
  type Group,
  group,
  type Registration,
  temporaryDirectory,
} from "@corral/recipes";
import { between, type Draw, oneOf } from "@corral/testing/world";
import { cacheLine, memberLine } from "../../check/recipes/views.ts";
import { ROOT } from "./company.ts";
import type { Member, Use } from "./member.ts";

export const CACHED: string = `${ROOT}/cached`;
export const GROUP: string = `${ROOT}/group`;
export const SERVICES: string = `${ROOT}/services`;
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
    if (one.freshness === "resyncing") company.mark("recipes: a cache was sent its subtree anew");
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
    async leave() {
      await mine?.close();
      for (const path of await client.ephemerals(CACHED)) await client.delete(path, { missing: "ok" });
    },
  };
}

/** Undefined if it is refused for one of these. */
async function allowed<T>(
  doing: Promise<T>,
  ...codes: readonly Parameters<typeof isCorralError>[1][]
): Promise<T | undefined> {
  try {
    return await doing;
  } catch (error) {
    if (isCorralError(error, ...(codes as never[]))) return undefined;
    throw error;
  }
}

export function groups(member: Member): Use {
  const { client, company } = member;
  const { views } = company.book;
  const stop = new AbortController();
  let following: Group<string> | undefined;
  let me: Registration<string> | undefined;
  let followings = 0;
  let said = 0;
  let looks = 0;

  const follow = async (all: Group<string>): Promise<void> => {
    const who = `${member.name}.${++followings}`;
    let size = 0;
    try {
      for await (const { members, generation } of all.changes({ signal: stop.signal })) {
        if (members.size < size) company.mark("recipes: a member was seen leaving");
        size = members.size;
        if (++looks > VIEWS_MAX) continue;
        const lines = [...members].map(([id, { epoch, value }]) => memberLine(id, epoch, value));
        views.push({ who, of: "group", path: GROUP, zxid: generation, at: company.at, lines: lines.sort() });
      }
    } catch (error) {
      if (!isCorralError(error, "CLOSED", "LIMIT_EXCEEDED")) member.violate(`a group ended with ${String(error)}`);
      following = undefined;
    }
  };
  const openIt = (): Group<string> => {
    const all = group(client, GROUP, { codec: text });
    void follow(all);
    return all;
  };
  const isIn = (): boolean => me !== undefined && !me.signal.aborted;
  /** By what went before. */
  const join = async (draw: Draw): Promise<void> => {
    const onConflict = oneOf(draw, ["wait", "take-over"] as const);
    const all = (following ??= openIt());
    const mine = await all.join(member.program, `${member.name}.${++said}`, { onConflict, timeoutMs: JOIN_MS });
    me = mine;
    void watchOver(mine);
  };
  const watchOver = async (mine: Registration<string>): Promise<void> => {
    let epoch = mine.epoch ?? 0;
    for await (const status of mine.states()) {
      if (status.state === "conflict") company.mark("recipes: a registration was taken over");
      if (status.epoch === undefined) continue;
      if (status.epoch < epoch) member.violate(`a registration has epoch ${status.epoch} after ${epoch}`);
      if (status.epoch > epoch) company.mark("recipes: a registration came back");
      epoch = status.epoch;
    }
  };

  return {
    async step(draw) {
      const kind = draw();
      following ??= openIt();
      if (!isIn()) await join(draw);
      else if (kind < 0.4) await me!.update(`${member.name}.${++said}`);
      else if (kind < 0.5) await me!.unregister();
      else if (kind < 0.6) await client.delete(`${GROUP}/${member.program}`, { missing: "ok" });
      else if (kind < 0.7)
        await client
          .create(`${GROUP}/marker`, null, { guard: me!.guard })
          .then(() => client.delete(`${GROUP}/marker`), refused);
      else await following.ready();
    },
    async finish() {
      following ??= openIt();
      if (!isIn()) await join(() => 0);
      await me!.update(`${member.name}.${++said}`);
      for (let tries = 0; me!.state !== "registered" && tries < BACK_TRIES_MAX; tries++)
        await member.pause(BACK_PAUSE_MS);
      if (me!.state !== "registered") member.violate(`${member.name} is ${me!.state} in the calm`);
    },
    async leave() {
      await me?.unregister();
      stop.abort();
      await following?.close();
    },
  };
}
const JOIN_MS = 30_000;
/** Of looking whether it is there again. */
const BACK_TRIES_MAX = 20;
const BACK_PAUSE_MS = 500;

/** Another made it, or took the place of whoever tries. */
function refused(error: unknown): void {
  if (!isCorralError(error, "NODE_EXISTS", "NO_NODE")) throw error;
}

interface Where {
  readonly zone: string;
}
const where = {
  name: "zone",
  encode: ({ zone }: Where): Uint8Array => new TextEncoder().encode(zone),
  decode: (data: Uint8Array | null): Where => ({ zone: new TextDecoder().decode(data ?? new Uint8Array()) }),
};

export function services(member: Member): Use {
  const { client } = member;
  const all = discovery(client, SERVICES, { codec: where });
  let here: Registration<{ readonly address: string; readonly meta: Where }> | undefined;
  let consumer: Consumer<Where> | undefined;
  let said = 0;
  const provide = async (): Promise<void> => {
    const instance = { id: member.program, address: member.name, meta: { zone: String(++said) } };
    here = await all.provide("billing", instance, { onConflict: "take-over" });
  };
  return {
    async step(draw) {
      const kind = draw();
      if (here === undefined || here.signal.aborted) return provide();
      if (kind < 0.2) return here.update({ address: member.name, meta: { zone: String(++said) } });
      if (kind < 0.3) return void (await here.unregister());
      consumer ??= await all.consume("billing", { strategy: oneOf(draw, ["round-robin", "random"]) });
      if (kind < 0.4) return await consumer.close().then(() => (consumer = undefined));
      const picked = await allowed(consumer.pick({ timeoutMs: between(draw, 100, 3_000) }), "NO_NODE");
      if (picked === undefined) return;
      if (!picked.address.startsWith(picked.id)) member.violate(`${picked.id} is said to be at ${picked.address}`);
      picked.report(draw() < 0.3);
    },
    async finish() {
      if (here === undefined || here.signal.aborted) await provide();
      consumer ??= await all.consume("billing");
      const { epoch } = here!;
      const names = await all.services();
      const wasThere = epoch !== undefined && here!.isValid && here!.epoch === epoch;
      if (wasThere && !names.includes("billing")) member.violate(`there are "${names.join()}", and no billing`);
    },
    async leave() {
      await here?.unregister();
      await consumer?.close();
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
      await scratch.list(oneOf(draw, NAMES)).catch((error: unknown) => refused(error));
      if (draw() < 0.2) await client.delete(node, { missing: "ok" });
    },
    finish: () => Promise.resolve(),
  };
}
