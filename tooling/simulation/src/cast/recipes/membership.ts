/** Who is there: registrations, groups, services. */
import { isCorralError, text } from "@corral/client";
import { type Consumer, discovery, type Group, group, type Registration } from "@corral/recipes";
import { between, type Draw, oneOf } from "@corral/testing/world";
import { memberLine } from "../../check/recipes/views.ts";
import { ROOT } from "./company.ts";
import { allowed, type Member, type Use } from "./member.ts";
import { childrenAt } from "./tree.ts";

const GROUP = `${ROOT}/group`;
const SERVICES = `${ROOT}/services`;
const SERVICE = "billing";
/** Looks of one life that are written down. */
const VIEWS_MAX = 60;

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
  const join = async (id: string, onConflict: "wait" | "take-over"): Promise<void> => {
    const all = (following ??= openIt());
    const mine = await all.join(id, `${member.name}.${++said}`, { onConflict, timeoutMs: JOIN_MS });
    me = mine;
    void watchOver(mine);
  };
  const watchOver = async (mine: Registration<string>): Promise<void> => {
    let epoch = 0;
    for await (const { state, epoch: now } of mine.states()) {
      if (state === "conflict") company.mark("recipes: a registration was taken over");
      if (now === undefined || now === epoch) continue;
      if (now < epoch) member.violate(`a registration has epoch ${now} after ${epoch}`);
      if (epoch > 0) company.mark("recipes: a registration came back");
      epoch = now;
      const { path: node, signal } = mine;
      const life = {
        signal,
        get isValid() {
          return mine.isValid && mine.epoch === now;
        },
      };
      member.company.got(member, { kind: "member", place: GROUP, node, czxid: now, token: now }, life);
    }
  };

  const act = async (draw: Draw): Promise<unknown> => {
    const kind = draw();
    following ??= openIt();
    if (!isIn()) return join(draw() < 0.4 ? SHARED : member.program, oneOf(draw, ["wait", "take-over"] as const));
    if (kind < 0.4) return me!.update(`${member.name}.${++said}`);
    if (kind < 0.5) return me!.unregister();
    if (kind < 0.6) return client.delete(me!.path, { missing: "ok" });
    if (kind > 0.7) return following.ready();
    await client.create(`${GROUP}/marker`, null, { guard: me!.guard });
    return client.delete(`${GROUP}/marker`, { missing: "ok" });
  };

  return {
    // Another made it, or took the place of whoever tries.
    step: async (draw) => void (await allowed(act(draw), "NODE_EXISTS", "NO_NODE")),
    // In the end each is known by his own name.
    async finish() {
      if (isIn() && nameOf(me!.path) !== member.program) await me!.unregister();
      if (!isIn()) await join(member.program, "take-over");
      await me!.update(`${member.name}.${++said}`);
      for (let tries = 0; me!.state !== "registered" && tries < BACK_TRIES_MAX; tries++)
        await member.pause(BACK_PAUSE_MS);
      if (me!.state !== "registered") member.violate(`${member.name} is ${me!.state} in the calm`);
      following ??= openIt();
      await following.ready();
    },
    look() {
      const there = childrenAt(company.stage.state(), GROUP)
        .filter(({ owner }) => owner !== 0)
        .map(({ name, czxid, text: data }) => memberLine(name, czxid, data))
        .sort();
      if (me?.state === "registered" && !there.some((line) => line.startsWith(`${member.program} ${me!.epoch} `)))
        member.violate(`at rest ${member.program} of ${me.epoch} is no member: there are ${there.join("; ")}`);
      if (following?.generation === undefined) return;
      const known = [...following.members].map(([id, { epoch, value }]) => memberLine(id, epoch, value)).sort();
      if (known.join("; ") !== there.join("; "))
        member.violate(`at rest a group is ${known.join("; ")}, and there are ${there.join("; ")}`);
      if (!following.isFresh) member.violate("at rest a group is not fresh");
    },
    async leave() {
      await me?.unregister();
      stop.abort();
      await following?.close();
    },
  };
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
/** An id that more than one may want. */
const SHARED = "shared";
const JOIN_MS = 5_000;
/** Of looking whether it is there again. */
const BACK_TRIES_MAX = 20;
const BACK_PAUSE_MS = 500;

interface Where {
  readonly zone: string;
}
const where = {
  name: "zone",
  encode: ({ zone }: Where): Uint8Array => new TextEncoder().encode(zone),
  decode: (data: Uint8Array | null): Where => ({ zone: new TextDecoder().decode(data ?? new Uint8Array()) }),
};

export function services(member: Member): Use {
  const { client, company } = member;
  const all = discovery(client, SERVICES, { codec: where });
  let here: Registration<{ readonly address: string; readonly meta: Where }> | undefined;
  let consumer: Consumer<Where> | undefined;
  let said = 0;
  const provide = async (): Promise<void> => {
    const instance = { id: member.program, address: member.name, meta: { zone: String(++said) } };
    here = await all.provide(SERVICE, instance, { onConflict: "take-over" });
  };
  return {
    async step(draw) {
      const kind = draw();
      if (here === undefined || here.signal.aborted) return provide();
      if (kind < 0.2) return here.update({ address: member.name, meta: { zone: String(++said) } });
      if (kind < 0.3) return void (await here.unregister());
      consumer ??= await all.consume(SERVICE, { strategy: oneOf(draw, ["round-robin", "random"]) });
      if (kind < 0.4) {
        const closing = consumer;
        consumer = undefined;
        return closing.close();
      }
      const picked = await allowed(consumer.pick({ timeoutMs: between(draw, 100, 3_000) }), "NO_NODE");
      if (picked === undefined) return;
      if (!picked.address.startsWith(picked.id)) member.violate(`${picked.id} is said to be at ${picked.address}`);
      picked.report(draw() < 0.3);
    },
    async finish() {
      if (here === undefined || here.signal.aborted) await provide();
      consumer ??= await all.consume(SERVICE);
      const { epoch } = here!;
      const names = await all.services();
      const wasThere = epoch !== undefined && here!.isValid && here!.epoch === epoch;
      if (wasThere && !names.includes(SERVICE)) member.violate(`there are "${names.join()}", and no ${SERVICE}`);
    },
    look() {
      if (consumer === undefined) return;
      const there = childrenAt(company.stage.state(), `${SERVICES}/${SERVICE}`).map(
        ({ name, czxid }) => `${name} ${czxid}`,
      );
      const known = consumer.instances.map(({ id, epoch }) => `${id} ${epoch}`);
      if (known.sort().join("; ") !== there.sort().join("; "))
        member.violate(`at rest a consumer knows ${known.join("; ")}, and there are ${there.join("; ")}`);
    },
    async leave() {
      await here?.unregister();
      await consumer?.close();
    },
  };
}
