/** The whole server over a log in memory, with a listener that is a function call. */
import { type Batch, type Log, LogError, type LogListener, MemoryLog, MemoryLogStore } from "@corral/log";
import {
  type RequestBody,
  type ServerMessage,
  type SessionWish,
  Writer,
  decodeFrame,
  readServerMessage,
  readWelcome,
  writeHello,
  writeRequest,
} from "@corral/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { UnknownLevel } from "../src/engine/steps/commit.ts";
import { nodeAuthenticator, nodeClock, nodeScheduler } from "../src/node/node-world.ts";
import { Server, type ServerConfig } from "../src/server.ts";
import type { Listener, Socket, SocketOwner } from "../src/world.ts";
import { secretOf } from "./client.ts";
import { create, get, lineOf, set, subscribe } from "./words.ts";

class CallListener implements Listener {
  readonly url = "call:";
  accept: ((socket: Socket) => SocketOwner) | undefined;
  listen(accept: (socket: Socket) => SocketOwner): Promise<void> {
    this.accept = accept;
    return Promise.resolve();
  }
  close(): Promise<void> {
    this.accept = undefined;
    return Promise.resolve();
  }
}

const fatal: Error[] = [];
const failed: Error[] = [];
const running: Server[] = [];
afterEach(async () => {
  fatal.length = 0;
  failed.length = 0;
  for (const server of running.splice(0)) await server.close();
});

async function start(
  log: Log,
  changes: Partial<ServerConfig> = {},
): Promise<{ server: Server; listener: CallListener }> {
  const listener = new CallListener();
  const server = await Server.start({
    log,
    listeners: [listener],
    clock: nodeClock,
    scheduler: nodeScheduler,
    authenticator: nodeAuthenticator,
    daemonId: 9,
    events: { fatal: (error) => void fatal.push(error), snapshotFailed: (error) => void failed.push(error) },
    ...changes,
  });
  return { server, listener };
}

class Caller {
  readonly heard: ServerMessage[] = [];
  readonly frames: Uint8Array[] = [];
  session = 0;
  closed = 0;
  readonly #owner: SocketOwner;

  constructor(listener: CallListener, session: SessionWish = { kind: "new", secret: secretOf(1) }) {
    this.#owner = listener.accept!({
      peer: { address: "10.0.0.1", identities: [] },
      send: (bytes, taken) => {
        this.frames.push(bytes);
        setImmediate(taken);
        for (const value of decodeFrame(bytes).values) {
          if (this.session !== 0) this.heard.push(readServerMessage(value));
          else {
            const first = readWelcome(value);
            this.session = "version" in first ? first.sessionId : -1;
          }
        }
      },
      close: (code) => {
        this.closed = code;
        setImmediate(() => this.#owner.closed());
      },
      pause: () => {},
      resume: () => {},
    });
    const w = new Writer();
    writeHello(w, {
      versionMin: 1,
      versionMax: 1,
      clusterId: null,
      lastZxid: 0,
      timeoutMs: 10_000,
      credentials: [],
      session,
    });
    this.#owner.received(w.take());
  }

  ask(xid: number, body: RequestBody): void {
    const w = new Writer();
    writeRequest(w, xid, body);
    this.#owner.received(w.take());
  }

  async reply(xid: number): Promise<string> {
    const line = (): string | undefined => this.heard.filter((m) => m.kind === "reply" && m.xid === xid).map(lineOf)[0];
    await expect.poll(line, { interval: 1 }).toBeDefined();
    return line()!;
  }
}

describe("a restart", () => {
  test("finds everything: znodes, sessions, remembered replies, and the history of subscriptions", async () => {
    const store = new MemoryLogStore();
    const first = await start(new MemoryLog({ store }));
    const client = new Caller(first.listener);
    client.ask(1, create("/a", "1"));
    client.ask(2, set("/a", "2"));
    await client.reply(2);
    const since = first.server.figures.zxid - 1;
    await first.server.close();
    expect(client.closed).toBe(1001);

    const second = await start(new MemoryLog({ store }));
    running.push(second.server);
    expect(second.server.recovered).toMatchObject({ batches: store.batches.length, snapshotZxid: undefined });
    const again = new Caller(second.listener, { kind: "resume", id: client.session, secret: secretOf(1), acked: 1 });
    again.ask(2, set("/a", "2"));
    expect(await again.reply(2)).toBe("reply 2 ok");
    again.ask(3, get("/a"));
    expect(await again.reply(3)).toBe("reply 3 ok 2");
    again.ask(4, subscribe("/a", { since }));
    await expect.poll(() => again.heard.filter((m) => m.kind === "subscription").length, { interval: 1 }).toBe(2);
    expect(again.heard.filter((m) => m.kind === "subscription").map((m) => lineOf(m).replace(/ \d+/, ""))).toEqual([
      "changes: changed /a=2",
      "synced",
    ]);
    expect(second.server.state.tree.version(second.server.state.tree.find("/a")), "set once").toBe(1);
  });

  test("begins at the newest snapshot, and reads only what came after it", async () => {
    const store = new MemoryLogStore(undefined, 1);
    const first = await start(new MemoryLog({ store }));
    const client = new Caller(first.listener);
    client.ask(1, create("/a", "1"));
    await client.reply(1);
    const { zxid } = first.server.figures;
    await first.server.checkpoint();
    client.ask(2, create("/b", "2"));
    await client.reply(2);
    expect(first.server.counters.snapshots).toBe(1);
    await first.server.close();
    const second = await start(new MemoryLog({ store }));
    running.push(second.server);
    expect(second.server.recovered).toMatchObject({ snapshotZxid: zxid, batches: 1 });
    expect(second.server.state.tree.find("/a")).toBeGreaterThan(0);
    expect(second.server.state.tree.find("/b")).toBeGreaterThan(0);
  });

  test("on a log of a newer release is refused: it is not guessed at", async () => {
    const store = new MemoryLogStore();
    store.beginEpoch();
    store.append({ level: 1_000, timeMs: 1, count: 1, body: new Uint8Array([1]) });
    await expect(start(new MemoryLog({ store }))).rejects.toThrow(UnknownLevel);
  });
});

describe("when the world fails", () => {
  /** A log that fails when told. */
  class FailingLog extends MemoryLog {
    listener: LogListener | undefined;
    override open(listener: LogListener): Promise<void> {
      this.listener = listener;
      return super.open(listener);
    }
  }

  test("a log that fails is fatal, once, and nothing is said to anybody any more", async () => {
    const log = new FailingLog();
    const { server, listener } = await start(log);
    const client = new Caller(listener);
    client.ask(1, get("/"));
    await client.reply(1);
    log.listener!.failed(new LogError("IO_FAILED", "the disk is gone"));
    client.ask(2, get("/"));
    await new Promise((resolve) => setImmediate(resolve));
    log.listener!.failed(new LogError("IO_FAILED", "still gone"));
    expect(fatal).toEqual([expect.objectContaining({ code: "IO_FAILED", message: "the disk is gone" })]);
    expect(client.heard).toHaveLength(1);
    await server.abandon();
  });

  test("an entry that cannot be read is fatal", async () => {
    const log = new FailingLog();
    const { server } = await start(log);
    log.listener!.committed({
      level: 1,
      epoch: 1,
      seq: 1,
      firstZxid: 2 ** 32 + 1,
      count: 1,
      timeMs: 1,
      body: new Uint8Array([0xc1]),
      own: undefined,
    });
    expect(fatal).toHaveLength(1);
    await server.abandon();
  });

  test("a snapshot that cannot be written is told, and is tried again; the server goes on", async () => {
    class FullLog extends MemoryLog {
      isFull = true;
      override createSnapshot(zxid: number): ReturnType<MemoryLog["createSnapshot"]> {
        return this.isFull ? Promise.reject(new Error("no room")) : super.createSnapshot(zxid);
      }
    }
    const log = new FullLog();
    const { server, listener } = await start(log);
    running.push(server);
    const client = new Caller(listener);
    client.ask(1, create("/a"));
    await client.reply(1);
    await server.checkpoint();
    expect(failed.map(({ message }) => message)).toEqual(["no room"]);
    expect(server.counters).toMatchObject({ snapshots: 0, snapshotsAbandoned: 1 });
    log.isFull = false;
    await server.checkpoint();
    expect(server.counters.snapshots).toBe(1);
    client.ask(2, get("/a"));
    expect(await client.reply(2)).toBe("reply 2 ok ");
    expect(fatal).toEqual([]);
  });

  test("a snapshot that the end interrupts is no failure", async () => {
    const { server, listener } = await start(new MemoryLog());
    const client = new Caller(listener);
    client.ask(1, create("/a"));
    await client.reply(1);
    const writing = server.checkpoint();
    await server.close();
    await writing;
    expect(failed).toEqual([]);
  });
});

test("what comes in together is one turn: one batch, and one message to each client", async () => {
  const proposed: Batch[] = [];
  class CountingLog extends MemoryLog {
    override propose(batch: Batch): void {
      proposed.push(batch);
      super.propose(batch);
    }
  }
  const { server, listener } = await start(new CountingLog());
  running.push(server);
  const clients = [new Caller(listener), new Caller(listener)];
  await expect.poll(() => clients.every(({ session }) => session > 0), { interval: 1 }).toBe(true);
  expect(proposed.map(({ count }) => count)).toEqual([2]);
  for (const [i, client] of clients.entries())
    for (let xid = 1; xid <= 5; xid++) client.ask(xid, create(`/n${i}-${xid}`));
  for (const client of clients) await client.reply(5);
  expect(proposed.map(({ count }) => count)).toEqual([2, 10]);
  expect(clients.map(({ frames }) => frames.length)).toEqual([2, 2]);
});

test("an operator ends a session; there is nothing to end twice", async () => {
  const { server, listener } = await start(new MemoryLog());
  running.push(server);
  const client = new Caller(listener);
  await expect.poll(() => client.session, { interval: 1 }).toBeGreaterThan(0);
  expect(server.expireSession(client.session)).toBe(true);
  await expect.poll(() => client.closed, { interval: 1 }).toBe(4004);
  expect(server.expireSession(client.session)).toBe(false);
});

test("a process that stands still amid a turn: what it reads after that counts from after that", async () => {
  let now = 0;
  let tick = (): void => {};
  const { server, listener } = await start(new MemoryLog(), {
    clock: { monotonicMs: () => now, wallMs: () => now },
    scheduler: { ...nodeScheduler, every: (_, call) => ((tick = call), () => {}) },
    limits: { tickMs: 1_000 },
  });
  running.push(server);
  const client = new Caller(listener);
  await expect.poll(() => client.session, { interval: 1 }).toBeGreaterThan(0);
  client.ask(1, get("/"));
  const heardAt = (now += 60_000);
  client.ask(2, get("/"));
  tick();
  await client.reply(2);
  for (; client.closed === 0 && now - heardAt < 20_000; await new Promise((resolve) => setTimeout(resolve, 1))) {
    now += 1_000;
    tick();
  }
  expect(client.closed).toBe(4004);
  expect(now - heardAt).toBeGreaterThan(10_000);
});
