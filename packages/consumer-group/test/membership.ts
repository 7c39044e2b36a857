/** Groups in a test world: members, what they are to have, and what stands in the tree. */
import type { Client } from "@corral/client";
import { startTestServer, type TestServer, type TestServerOptions } from "@corral/testing";
import type { Topic } from "../src/assignor.ts";
import { pathsOf } from "../src/layout.ts";
import { joinGroup, type JoinOptions, type Membership, type Target } from "../src/membership.ts";
import type { GroupRecord, MemberRecord, TargetRecord } from "../src/records.ts";
import { shown } from "./groups.ts";

export const PATHS = pathsOf("g");
/** Virtual milliseconds in which a quiet group has come to rest: the longest debounce, and some round trips. */
const SETTLED_MS = 2_000;
export const SESSION_MS = 6_000;

/** Topics that a test can change, told to every leader. */
export class TestTopics {
  #topics: readonly Topic[];
  readonly #wakes = new Set<() => void>();
  /** How many have asked. */
  asked = 0;
  /** Thrown at the next who asks. */
  failure: Error | undefined;

  constructor(topics: readonly Topic[]) {
    this.#topics = topics;
  }

  get now(): readonly Topic[] {
    return this.#topics;
  }

  set(topics: readonly Topic[]): void {
    this.#topics = topics;
    for (const wake of [...this.#wakes]) wake();
  }

  async *topics(signal: AbortSignal): AsyncGenerator<readonly Topic[]> {
    this.asked++;
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure;
    while (!signal.aborted) {
      const told = this.#topics;
      yield told;
      while (told === this.#topics && !signal.aborted)
        await new Promise<void>((resolve) => {
          const wake = (): void => {
            this.#wakes.delete(wake);
            signal.removeEventListener("abort", wake);
            resolve();
          };
          this.#wakes.add(wake);
          signal.addEventListener("abort", wake);
        });
    }
  }
}

export interface GroupWorld extends AsyncDisposable {
  readonly server: TestServer;
  readonly topics: TestTopics;
  /** One more process: a client and its member. */
  join(options?: Partial<JoinOptions>): Promise<Joined>;
  /** Lets so much virtual time pass. */
  settle(ms?: number): Promise<void>;
  client(): Promise<Client>;
}

export interface Joined {
  readonly client: Client;
  readonly member: Membership;
  /** As told by `targets()`, newest last. */
  readonly targets: (Target | undefined)[];
  /** Why lives were lost. */
  readonly lost: string[];
}

export async function groupWorld(topics: readonly Topic[], options: TestServerOptions = {}): Promise<GroupWorld> {
  const server = await startTestServer({ latencyMs: 1, ...options });
  const source = new TestTopics(topics);
  const client = (): Promise<Client> => soon(server, server.connect({ session: { timeoutMs: SESSION_MS } }));
  return {
    server,
    topics: source,
    client,
    async join(more) {
      const own = await client();
      return soon(server, joined(own, source, more));
    },
    settle: (ms = SETTLED_MS) => server.clock.advance(ms),
    [Symbol.asyncDispose]: () => server.close(),
  };
}

/** Joins, and writes down what the member is told. */
export async function joined(client: Client, source: TestTopics, more: Partial<JoinOptions> = {}): Promise<Joined> {
  const own = source.now.map(({ name }) => name);
  const member = await joinGroup(client, { group: "g", topics: own, source, ...more });
  const told: Joined = { client, member, targets: [], lost: [] };
  member.onLifeLost((why) => told.lost.push(why.code));
  void (async () => {
    for await (const target of member.targets()) told.targets.push(target);
  })();
  return told;
}

/** What it comes to, once so much virtual time has passed. */
export async function soon<T>(server: TestServer, promise: Promise<T>, ms = 50): Promise<T> {
  promise.catch(() => undefined);
  await server.clock.advance(ms);
  return promise;
}

/** What it rejects with, once so much virtual time has passed. */
export async function refusalOf(server: TestServer, promise: Promise<unknown>, ms = 50): Promise<string> {
  try {
    await soon(server, promise, ms);
    return "none";
  } catch (error) {
    return (error as { code?: string }).code ?? (error as Error).name;
  }
}

function recordsBelow<T>(server: TestServer, parent: string): Map<string, T> {
  const records = new Map<string, T>();
  for (const { path, data } of server.dump())
    if (path.startsWith(`${parent}/`) && data !== null)
      records.set(decodeURIComponent(path.slice(parent.length + 1)), JSON.parse(new TextDecoder().decode(data)) as T);
  return records;
}

export const targetsIn = (server: TestServer): Map<string, TargetRecord> => recordsBelow(server, PATHS.targets);
export const membersIn = (server: TestServer): Map<string, MemberRecord> => recordsBelow(server, PATHS.members);

export function groupIn(server: TestServer): GroupRecord | undefined {
  return recordsBelow<GroupRecord>(server, "/groups").get("g");
}

/** `{ member: "x0 x1" }`, as the tree has it. */
export function targetsShown(server: TestServer): Record<string, string> {
  return shown(
    new Map(Array.from(targetsIn(server), ([id, { partitions }]) => [id, new Map(Object.entries(partitions))])),
  );
}

export const sizesIn = (server: TestServer): number[] =>
  Object.values(targetsShown(server))
    .map((text) => text.split(" ").filter(Boolean).length)
    .toSorted((a, b) => a - b);
