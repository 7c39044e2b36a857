/** Locks of all kinds, and what is done under them: inside Corral by the guard, outside by the token. */
import { type Client, type Guard, isCorralError, text } from "@corral/client";
import { type Held, type Lock, lock, multiLock, type ReadWriteLock, readWriteLock, semaphore } from "@corral/recipes";
import { between, type Draw, oneOf } from "@corral/testing/world";
import type { Hold, HoldKind } from "../../check/recipes/book.ts";
import { ROOT } from "./company.ts";
import type { Member, Use } from "./member.ts";

export const LOCKS: readonly string[] = [`${ROOT}/lock/a`, `${ROOT}/lock/b`];
export const READ_WRITE: string = `${ROOT}/rw`;
export const SEMAPHORE: string = `${ROOT}/semaphore`;
const PERMITS = 2;
const PERMITS_MAX = 3;

/** Where whoever holds this writes by his guard. */
export const guardedPath = (place: string): string => `${ROOT}/guarded/${place.replaceAll("/", "-")}`;

/** The longest that anything is held, milliseconds. */
const WORK_MS = 900;
/** Now and then a process stands still in the middle of its work, for longer than its session may be silent. */
const STALLS_SHARE = 0.06;
const STALL_MS = 10_000;
/** Mostly short, sometimes longer than a session lives without being heard of. */
const workMs = (draw: Draw): number => (draw() < 0.1 ? between(draw, 2_000, 6_000) : between(draw, 0, WORK_MS));

export function note(member: Member, kind: HoldKind, held: Held): Hold {
  const { name: place, path: node, token, guard } = held;
  const { czxid } = guard as { readonly czxid: number };
  return member.company.got(member, { kind, place, node, czxid, token }, held);
}

/** Two writes, the second without a look at whether it is held still: whoever has stood still meanwhile is to be refused. */
export async function work(member: Member, held: Held, draw: Draw, isFenced: boolean): Promise<void> {
  const { company, client } = member;
  const { name } = held;
  if (isFenced) company.store(name, held.token);
  await member.pause(workMs(draw));
  if (draw() < STALLS_SHARE) {
    member.stall(between(draw, 1_000, STALL_MS));
    await member.pause(1);
  }
  // The first statement after whatever happened meanwhile.
  company.look();
  if (isFenced) company.store(name, held.token);
  if (draw() < 0.5) await writeGuarded(client, member, held, [held.guard]);
}

async function writeGuarded(client: Client, member: Member, held: Held, guards: readonly Guard[]): Promise<void> {
  const { czxid } = held.guard as { readonly czxid: number };
  const says = JSON.stringify({ node: held.path, czxid });
  const guard = member.company.mistake === "writes-without-guard" ? [] : guards;
  try {
    await client.update(guardedPath(held.name), () => says, { codec: text, create: { parents: true }, guard });
  } catch (error) {
    if (isCorralError(error, "GUARD_FAILED"))
      member.company.mark("recipes: a guarded write of a former holder was refused");
    throw error;
  }
}

/** One way of many to use a lock. */
async function useLock(member: Member, one: Lock, kind: HoldKind, draw: Draw): Promise<void> {
  const { company } = member;
  const isFenced = kind === "lock" || kind === "write";
  let hasWaited = false;
  const onWait = (): void => void (hasWaited = true);
  const doWork = async (held: Held): Promise<void> => {
    note(member, kind, held);
    if (hasWaited) company.mark("recipes: a lock was waited for, and got");
    await work(member, held, draw, isFenced);
  };
  switch (between(draw, 0, 7)) {
    case 0: {
      const given = new AbortController();
      member.process.after(between(draw, 0, 2_000), "timer", () => given.abort());
      return givenUp(member, one.with(doWork, { signal: given.signal, onWait }));
    }
    case 1:
      return givenUp(member, one.with(doWork, { timeoutMs: between(draw, 1, 3_000), onWait }));
    case 2: {
      await using held = await one.tryAcquire();
      if (held === undefined) {
        if (company.mistake === "holds-before-its-turn" && kind === "lock") await pretend(member, one, draw);
        return;
      }
      await doWork(held);
      await held.release({ timeoutMs: between(draw, 1, 1_000) });
      return;
    }
    case 3: {
      await using held = await one.acquire({ onSuspended: "abort", onWait });
      return await doWork(held);
    }
    case 4: {
      const [holder] = await one.contenders();
      if (holder !== undefined && draw() < 0.5) await one.evict(holder.token);
      return;
    }
    case 5: {
      await one.requestRevoke("for a test");
      return;
    }
    default: {
      const held = await one.acquire({ onWait });
      try {
        await doWork(held);
      } finally {
        if (company.mistake !== "never-releases") await held.release();
      }
    }
  }
}

/** A mistake: to stand in the queue is to hold. */
async function pretend(member: Member, one: Lock, draw: Draw): Promise<void> {
  const given = new AbortController();
  const waiting = one.acquire({ signal: given.signal });
  waiting.catch(() => {});
  await member.pause(between(draw, 100, 300));
  const last = (await one.contenders()).at(-1);
  if (last !== undefined && !last.holds) {
    const { path: node, token } = last;
    const held = { isValid: true, signal: given.signal };
    member.company.got(member, { kind: "lock", place: one.path, node, czxid: token, token }, held);
  }
  given.abort();
  await waiting.then((held) => held.release());
}

async function givenUp(member: Member, acquiring: Promise<void>): Promise<void> {
  try {
    await acquiring;
  } catch (error) {
    if (isCorralError(error, "ABORTED", "TIMEOUT"))
      member.company.mark("recipes: an acquisition was given up while it waited");
    throw error;
  }
}

export function locks(member: Member): Use {
  const all = LOCKS.map((path) => lock(member.client, path, { identity: member.name }));
  const foreign = LOCKS.map((path) => lock(member.client, path, { identity: member.name, layout: "kazoo" }));
  return {
    step: (draw) => useLock(member, oneOf(draw, oneOf(draw, [all, all, foreign])), "lock", draw),
    // Whoever waits gets it, one after the other.
    async finish() {
      for (const one of all) await one.with(async (held) => void note(member, "lock", held));
    },
  };
}

export function multiLocks(member: Member): Use {
  const { client } = member;
  const both = multiLock(
    client,
    LOCKS.toReversed().map((path) => lock(client, path, { identity: member.name })),
  );
  return {
    async step(draw) {
      await using held =
        draw() < 0.3 ? await both.tryAcquire() : await both.acquire({ timeoutMs: between(draw, 100, 8_000) });
      if (held === undefined) return;
      for (const one of held.holds) note(member, "lock", one);
      for (const one of held.holds) member.company.store(one.name, one.token);
      await member.pause(workMs(draw));
      for (const one of held.holds) await writeGuarded(client, member, one, held.guards);
    },
    async finish() {
      await both.with(async ({ holds }) => void holds.map((one) => note(member, "lock", one)));
    },
  };
}

export function readWriteLocks(member: Member): Use {
  const make = (): ReadWriteLock => readWriteLock(member.client, READ_WRITE, { identity: member.name });
  return {
    async step(draw) {
      const one = make();
      if (draw() < 0.3) {
        await using writing = await one.write.acquire({ timeoutMs: between(draw, 100, 5_000) });
        note(member, "write", writing);
        await work(member, writing, draw, true);
        await using reading = await one.downgrade(writing);
        note(member, "read", reading);
        member.company.mark("recipes: a writer became a reader");
        await member.pause(workMs(draw));
      } else if (draw() < 0.6) await useLock(member, one.read, "read", draw);
      else await useLock(member, one.write, "write", draw);
    },
    async finish() {
      const one = make();
      await one.read.with(async (held) => void note(member, "read", held));
      await one.write.with(async (held) => void note(member, "write", held));
    },
  };
}

export function semaphores(member: Member): Use {
  const one = semaphore(member.client, SEMAPHORE, {
    permits: PERMITS,
    onMismatch: "use-stored",
    identity: member.name,
  });
  const use = async (taken: Held | undefined, draw: Draw): Promise<void> => {
    await using held = taken;
    if (held === undefined) return member.company.mark("recipes: all permits were held");
    note(member, "permit", held);
    await work(member, held, draw, false);
  };
  return {
    async step(draw) {
      const kind = draw();
      if (kind < 0.15) return void (await one.resize(between(draw, 1, PERMITS_MAX)));
      if (kind < 0.3) return use(await one.tryAcquire(), draw);
      if (kind < 0.5)
        return givenUp(
          member,
          one.with((held) => use(held, draw), { timeoutMs: between(draw, 1, 4_000) }),
        );
      return use(await one.acquire(), draw);
    },
    async finish() {
      await one.with(async (held) => void note(member, "permit", held));
    },
  };
}
