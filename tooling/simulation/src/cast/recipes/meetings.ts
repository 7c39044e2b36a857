/** Barriers, rounds that begin and end together, and a latch. */
import { barrier, doubleBarrier, type Entered, latch } from "@corral/recipes";
import { between, type Draw } from "@corral/testing/world";
import { ROOT } from "./company.ts";
import { note } from "./holding.ts";
import type { Member, Use } from "./member.ts";

const BARRIER: string = `${ROOT}/barrier`;
export const ROUNDS: string = `${ROOT}/rounds`;
export const LATCH: string = `${ROOT}/latch`;
export const LATCH_COUNT = 3;
export const PARTIES = 2;

export function barriers(member: Member): Use {
  const { client, company } = member;
  const { waits } = company.book;
  const gate = barrier(client, BARRIER);
  const wait = (timeoutMs: number): Promise<true> =>
    member.ask(waits, BARRIER, "barrier", async () => {
      if (company.mistake !== "passes-without-waiting") await gate.wait({ timeoutMs });
      return true as const;
    });
  return {
    async step(draw) {
      const kind = draw();
      if (kind < 0.3) {
        const generation = await gate.raise({ lifetime: draw() < 0.3 ? "ephemeral" : "persistent" });
        await member.pause(between(draw, 0, 1_500));
        if (draw() < 0.5) await gate.lower({ generation });
      } else if (kind < 0.5) await gate.lower();
      else await wait(between(draw, 100, 10_000));
    },
    // Everybody passes once it is down for good: nobody raises it in the calm.
    async finish() {
      await gate.lower();
      await wait(Number.POSITIVE_INFINITY);
    },
  };
}

export function rounds(member: Member): Use {
  const { client, company, process } = member;
  const { passings } = company.book;
  const step = doubleBarrier(client, ROUNDS, { parties: PARTIES, identity: member.name, whenFull: "wait" });

  const inside = async (entered: Entered, draw: Draw): Promise<void> => {
    const { czxid } = entered.guard as { readonly czxid: number };
    const { round, path: node } = entered;
    const pass = (way: "in" | "out"): void =>
      void passings.push({ who: member.name, path: ROUNDS, round, node, czxid, way, at: company.at });
    note(member, "party", entered);
    pass("in");
    company.mark("recipes: a round began");
    await member.pause(between(draw, 0, 1_000));
    // One who lost its session has left by that, and waits for the others all the same.
    await entered.leave();
    pass("out");
  };

  return {
    async step(draw) {
      const given = new AbortController();
      process.after(between(draw, 200, 6_000), "timer", () => given.abort());
      await using entered = await step.enter({ signal: given.signal });
      await inside(entered, draw);
    },
    // Whoever comes late may find nobody to begin with: it waits for so long, and then there is no round that it could hold up.
    async finish() {
      await using entered = await step.enter({ timeoutMs: ALONE_MS }).catch((error: unknown) => {
        if ((error as { code?: string }).code !== "TIMEOUT") throw error;
        return undefined;
      });
      if (entered !== undefined) await inside(entered, () => 0);
    },
  };
}
const ALONE_MS = 5_000;

export function latches(member: Member): Use {
  const { client, company } = member;
  const { counts, waits } = company.book;
  const loaded = latch(client, LATCH, LATCH_COUNT);
  const count = (key: string): Promise<number> => member.ask(counts, LATCH, { key }, () => loaded.countDown(key));
  const wait = (timeoutMs: number): Promise<true> =>
    member.ask(waits, LATCH, "latch", async () => {
      await loaded.wait({ timeoutMs });
      return true as const;
    });
  return {
    async step(draw) {
      const kind = draw();
      if (kind < 0.5) await count(`key${between(draw, 1, LATCH_COUNT + 1)}`);
      else if (kind < 0.9) await wait(between(draw, 100, 6_000));
      else await loaded.reset();
    },
    async finish() {
      for (let key = 1; key <= LATCH_COUNT; key++) await count(`key${key}`);
      await wait(Number.POSITIVE_INFINITY);
    },
  };
}
