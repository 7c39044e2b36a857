/** What the types of the public API promise. Checked by the compiler: `npm run check`. */
import { type Client, type CorralError, type Guard, json, text } from "@corral/client";
import * as recipes from "@corral/recipes";
import { expectTypeOf, test } from "vitest";

interface Limits {
  readonly perSecond: number;
}
const codec = json<Limits>();

test("everything that is held has token, signal, isValid and guard, and can be used with `await using`", () => {
  type Gives<F extends (...given: never[]) => Promise<unknown>> = Awaited<ReturnType<F>>;
  type Holds = [
    Gives<recipes.Lock["acquire"]>,
    Gives<recipes.ReadWriteLock["downgrade"]>,
    Gives<recipes.Semaphore["acquire"]>,
    Gives<recipes.MultiLock["acquire"]>,
    Gives<recipes.Election["campaign"]>,
    Gives<recipes.DoubleBarrier["enter"]>,
    Gives<recipes.Queue<Limits>["takeOne"]>,
    Gives<typeof recipes.temporaryDirectory>,
  ];
  expectTypeOf<Holds>().toExtend<readonly recipes.Held[]>();
  expectTypeOf<Holds>().toExtend<readonly AsyncDisposable[]>();
  expectTypeOf<recipes.Held["token"]>().toEqualTypeOf<number>();
  expectTypeOf<recipes.Held["guard"]>().toExtend<Guard>();
  expectTypeOf<recipes.Held["signal"]>().toEqualTypeOf<AbortSignal>();
});

test("nothing of what is held can be changed by its holder", () => {
  const change = (held: recipes.Held): void => {
    // @ts-expect-error a token is given, not chosen
    held.token = 1;
    // @ts-expect-error validity is computed
    held.isValid = true;
  };
  expectTypeOf(change).toBeFunction();
});

test("`with` resolves with what its function comes to, awaited", () => {
  type With = recipes.Lock["with"];
  const lockOf = (lock: { with: With }): Promise<number> => lock.with(async () => Promise.resolve(1));
  expectTypeOf(lockOf).returns.resolves.toBeNumber();
  // @ts-expect-error the function gets what is held, nothing else
  const wrong = (lock: { with: With }): unknown => lock.with((held: string) => held);
  expectTypeOf(wrong).toBeFunction();
});

test("to try gives nothing where there is nothing to be had", () => {
  expectTypeOf<ReturnType<recipes.Lock["tryAcquire"]>>().resolves.toEqualTypeOf<recipes.Held | undefined>();
  expectTypeOf<ReturnType<recipes.Election["current"]>>().resolves.toEqualTypeOf<recipes.Leader | undefined>();
});

test("values have the type of their codec", () => {
  const values = async (client: Client): Promise<void> => {
    const shared = await recipes.sharedValue(client, "/limits", { codec, initial: { perSecond: 1 } });
    expectTypeOf(shared.value).toEqualTypeOf<Limits>();
    // @ts-expect-error not what the codec writes
    await shared.set("fast");
    const cached = await recipes.cache(client, "/limits", { codec });
    expectTypeOf(cached.get("/limits")!.value).toEqualTypeOf<Limits>();
    const plain = await recipes.cache(client, "/limits");
    expectTypeOf(plain.get("/limits")!.value).toEqualTypeOf<Uint8Array | null>();
    const members = recipes.group(client, "/members", { codec }).members;
    expectTypeOf(members.get("a")!.value).toEqualTypeOf<Limits>();
    for await (const job of recipes.queue(client, "/jobs", { codec, depthMax: 1 }).take())
      expectTypeOf(job.value).toEqualTypeOf<Limits>();
    const named = await recipes.register(client, "/me", "a name", { codec: text });
    // @ts-expect-error a name is text
    await named.update(1);
  };
  expectTypeOf(values).toBeFunction();
});

test("a change of a cache is one of its kinds, each with what belongs to it", () => {
  const told = (change: recipes.CacheChange<Limits>): unknown => {
    switch (change.kind) {
      case "added":
        // @ts-expect-error there was nothing before
        return change.before;
      case "changed":
        return [change.before.value.perSecond, change.now.value.perSecond];
      case "removed":
        // @ts-expect-error there is nothing now
        return change.now;
      case "undecodable":
        expectTypeOf(change.error).toExtend<CorralError>();
        return change.error;
      default:
        return change satisfies never;
    }
  };
  expectTypeOf(told).toBeFunction();
});

test("what cannot be left out cannot be left out", () => {
  const calls = (client: Client): void => {
    // @ts-expect-error how many permits there are
    recipes.semaphore(client, "/permits", {});
    // @ts-expect-error how many jobs there may be
    recipes.queue(client, "/jobs", { codec });
    // @ts-expect-error how many parties begin together
    recipes.doubleBarrier(client, "/step", {});
    // @ts-expect-error which layouts there are
    recipes.lock(client, "/lock", { layout: "zookeeper" });
    // @ts-expect-error what is done about a conflict
    void recipes.register(client, "/me", "a", { codec: text, onConflict: "fight" });
  };
  expectTypeOf(calls).toBeFunction();
});
