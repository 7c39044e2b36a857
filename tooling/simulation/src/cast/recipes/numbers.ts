/** A counter and a shared value. */
import { isCorralError, json } from "@corral/client";
import { counter, sharedValue, type SharedValue } from "@corral/recipes";
import { between, oneOf } from "@corral/testing/world";
import type { Following } from "../../check/recipes/book.ts";
import { valueIn } from "../../check/recipes/numbers.ts";
import { ROOT } from "./company.ts";
import type { Member, Use } from "./member.ts";
import { znodeAt } from "./tree.ts";

export const COUNTER: string = `${ROOT}/counter`;
export const VALUE: string = `${ROOT}/value`;

export function counters(member: Member): Use {
  const { client, company } = member;
  const { book } = company;
  const orders = counter(client, COUNTER);

  const add = async (by: number, timeoutMs?: number): Promise<void> => {
    const adding = async (): Promise<number> => Number(await orders.add(by, { timeoutMs }));
    await member.ask(book.sums, COUNTER, { by }, async () => {
      try {
        return await adding();
      } catch (error) {
        // A mistake: it may have been done.
        if (company.mistake === "adds-again" && isCorralError(error) && error.outcome === "unknown") return adding();
        throw error;
      }
    });
  };

  return {
    async step(draw) {
      const kind = draw();
      if (kind < 0.3) return add(oneOf(draw, [1, 1, 2, 5, -1, -3]));
      // Whoever waits no longer does not know what came of it.
      if (kind < 0.5) return add(oneOf(draw, [1, 3, -1]), between(draw, 1, 200));
      if (kind < 0.7) {
        const n = between(draw, 1, 4);
        await member.ask(book.sums, COUNTER, { by: n }, async () => {
          const { from, to } = await orders.reserve(n);
          if (to - from !== BigInt(n)) member.violate(`reserved ${n}, got ${from} to ${to}`);
          return Number(to);
        });
      } else {
        const from = Number(await orders.get());
        const to = from + between(draw, 10, 12);
        await member.ask(book.sums, COUNTER, { from, to }, () => orders.compareAndSet(from, to));
      }
    },
    finish: () => add(1),
  };
}

interface Value {
  readonly tag: string;
  readonly of?: string | undefined;
}

export function sharedValues(member: Member): Use {
  const { client, company } = member;
  const { book } = company;
  const codec = json<Value>();
  let tags = 0;
  let shared: SharedValue<Value> | undefined;
  const nextTag = (): string => `${member.name}.${++tags}`;

  const openIt = async (): Promise<SharedValue<Value>> => {
    const tag = nextTag();
    const opened = await sharedValue(client, VALUE, { codec, initial: { tag } });
    const following: Following = { who: `${member.name} follows ${tag}`, path: VALUE, told: [] };
    book.followings.push(following);
    void follow(opened, following);
    return opened;
  };
  const follow = async (opened: SharedValue<Value>, { told }: Following): Promise<void> => {
    try {
      for await (const change of opened.changes()) {
        if (change.kind === "undecodable") member.violate(`a value could not be read: ${String(change.error)}`);
        else told.push({ what: change.kind === "deleted" ? "deleted" : change.value.tag, at: company.at });
      }
    } catch (error) {
      // Somebody who has gone on without it opens it anew.
      if (shared === opened) shared = undefined;
      if (!isCorralError(error, "CLOSED", "LIMIT_EXCEEDED"))
        member.violate(`following a value ended with ${String(error)}`);
    }
  };
  const set = async (opened: SharedValue<Value>, ifMatch: number | undefined): Promise<void> => {
    const tag = nextTag();
    await member.ask(book.values, VALUE, { tag, ifMatch }, () => opened.set({ tag }, { ifMatch }));
  };
  const update = async (opened: SharedValue<Value>): Promise<void> => {
    const tag = nextTag();
    await member.ask(book.values, VALUE, { tag, ifMatch: undefined }, async () => {
      const { zxid } = await opened.update((now) => ({ tag, of: now.tag }));
      return zxid;
    });
  };
  return {
    async step(draw) {
      const kind = draw();
      shared ??= await openIt();
      const opened = shared;
      if (kind < 0.35) return update(opened);
      if (kind < 0.6) return set(opened, undefined);
      if (kind < 0.85) return set(opened, opened.zxid);
      if (kind < 0.9) {
        shared = undefined;
        return opened.close();
      }
      await client.delete(VALUE, { missing: "ok" });
    },
    async finish() {
      shared ??= await openIt();
      await update(shared);
    },
    look() {
      if (shared === undefined) return;
      const there = znodeAt(company.stage.state(), VALUE);
      if (there?.mzxid !== shared.zxid || valueIn(there.text).tag !== shared.value.tag)
        member.violate(
          `at rest a value is ${shared.value.tag} of ${shared.zxid}, and there is ${JSON.stringify(there)}`,
        );
      if (!shared.isFresh) member.violate("at rest a value is not fresh");
    },
    leave: async () => shared?.close(),
  };
}
