/** A subtree and a cache of it: what is written, what either has, and what is told of it. */
import { type Client, isCorralError, op, text } from "@corral/client";
import { startTestServer, type TestServer } from "@corral/testing";
import { type Cache, cache, type CacheChange, type CacheOptions } from "../src/cache.ts";

const utf8 = new TextDecoder();
export const create = (client: Client, path: string, value = "v") =>
  client.create(path, value, { codec: text, parents: true });
export const set = (client: Client, path: string, value: string) => client.set(path, value, { codec: text });

/** What the server has at and below a path. */
export function dumpOf(server: TestServer, root: string): Record<string, string> {
  const within = server.dump().filter(({ path }) => path === root || path.startsWith(root === "/" ? "/" : `${root}/`));
  return Object.fromEntries(within.map(({ path, data }) => [path, utf8.decode(data ?? new Uint8Array())]));
}

/** What the cache has, in the same form. */
export const contentsOf = (of: Cache<string>): Record<string, string> =>
  Object.fromEntries([...of.entries()].map(({ path, value }) => [path, value]));

export const describeChange = (change: CacheChange<unknown>): string => {
  const { kind, path } = change;
  if (kind === "added") return `${kind} ${path} ${String(change.now.value)}`;
  if (kind === "changed") return `${kind} ${path} ${String(change.before.value)} > ${String(change.now.value)}`;
  if (kind === "removed") return `${kind} ${path} ${String(change.before.value)}`;
  return `${kind} ${path} ${String(change.kept?.value)}`;
};

/** A subtree of so many znodes below /app, itself included. */
export async function grow(client: Client, znodes: number): Promise<void> {
  await create(client, "/app", "root");
  for (let made = 1; made < znodes; made += 500) {
    const names = Array.from({ length: Math.min(500, znodes - made) }, (_, i) => `/app/${made + i}`);
    await client.multi(names.map((name) => op.create(name, "v", { codec: text })));
  }
}

/** Reads for ever; what was told, and how it ended. */
export function follow(changes: AsyncIterable<CacheChange<unknown>>): string[] {
  const told: string[] = [];
  void (async () => {
    try {
      for await (const change of changes) told.push(describeChange(change));
      told.push("end");
    } catch (error) {
      if (!isCorralError(error)) throw error;
      told.push(error.code);
    }
  })();
  return told;
}

/** Reads until the client is closed; what was told, whole. */
export function collect<T>(changes: AsyncIterable<CacheChange<T>>): CacheChange<T>[] {
  const told: CacheChange<T>[] = [];
  void (async () => {
    try {
      for await (const change of changes) told.push(change);
    } catch (error) {
      if (!isCorralError(error, "CLOSED")) throw error;
    }
  })();
  return told;
}

/** Of a change what has happened, and where. */
export const shortOf = ({ kind, path }: CacheChange<unknown>): string => `${kind} ${path}`;

/** A server, two clients of it, and a cache that the first one can open. */
export async function opened(
  path: string,
  options: CacheOptions<string> = {},
  serverOptions: Parameters<typeof startTestServer>[0] = {},
) {
  const server = await startTestServer(serverOptions);
  const [client, other] = [await server.connect({ session: { timeoutMs: 6_000 } }), await server.connect()];
  return { server, client, other, open: () => cache(client, path, { codec: text, ...options }) };
}

/** The code it rejects with. */
export const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "resolved",
    (error: { code: string }) => error.code,
  );

/** The code of what it throws. */
export const thrownBy = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    if (isCorralError(error)) return error.code;
  }
  return "nothing";
};
