import {
  DEFAULT_LIMITS,
  decodeFrame,
  Op,
  readHello,
  readMessage,
  SUBPROTOCOL,
  Writer,
  writeWelcome,
} from "@corral/protocol";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { WebSocketServer, type WebSocket } from "ws";
import { connect, open, wsTransport, type Client, type ConnectOptions } from "../src/node/index.ts";
import { writeValue } from "./fake-server.ts";
import { rejection } from "./harness.ts";

const ends: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** Welcomes everyone and answers each request with an empty result. */
async function serve(): Promise<{
  readonly url: string;
  readonly server: WebSocketServer;
  readonly frames: Uint8Array[];
}> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => SUBPROTOCOL });
  await once(server, "listening");
  const frames: Uint8Array[] = [];
  server.on("connection", (socket: WebSocket) => {
    let isWelcome = false;
    socket.on("message", (data: Buffer) => {
      frames.push(new Uint8Array(data));
      const w = new Writer();
      for (const value of decodeFrame(data).values) {
        if (isWelcome) {
          const { xid } = readMessage(value);
          if (xid > 0) writeValue(w, [xid, 9, 0]);
          continue;
        }
        isWelcome = true;
        const { session } = readHello(value);
        const sessionId = session.kind === "resume" ? session.id : 77;
        writeWelcome(w, {
          version: 1,
          clusterId: "c",
          sessionId,
          timeoutMs: 10_000,
          zxid: 9,
          resumed: session.kind === "resume",
          limits: DEFAULT_LIMITS,
        });
      }
      if (w.length > 0) socket.send(w.take());
    });
  });
  ends.push(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  return { url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`, server, frames };
}

async function client(options: ConnectOptions): Promise<Client> {
  const connected = await connect(options);
  ends.push(() => connected.close({ timeoutMs: 500 }));
  return connected;
}

describe("over WebSocket", () => {
  test("a client connects, asks for the subprotocol, and sends exactly its bytes", async () => {
    const { url, server, frames } = await serve();
    const one = await client({ servers: [url] });
    const data = new Uint8Array(100).fill(7).subarray(20, 24);
    await Promise.all([one.sync(), one.delete("/a")]);
    await one.set("/b", data).catch(() => undefined);
    expect([...server.clients][0]?.protocol).toBe(SUBPROTOCOL);
    const requests = frames
      .slice(1)
      .flatMap((frame) => decodeFrame(frame).values.map(readMessage))
      .filter(({ xid }) => xid > 0);
    expect(requests.map(({ op }) => op)).toEqual([Op.sync, Op.delete, Op.set]);
    expect(requests[2]).toMatchObject({ data: new Uint8Array([7, 7, 7, 7]) });
  });

  test("a connection that is destroyed is made again, and the call that waited is answered", async () => {
    const { url, server } = await serve();
    const one = await client({ servers: [url] });
    for (const socket of server.clients) socket.terminate();
    expect(await one.sync()).toBe(9);
    expect(one.state).toMatchObject({ name: "connected", resumed: true });
  });

  test("a frame beyond what was agreed ends the connection, not the client", async () => {
    const { url, server } = await serve();
    const one = await client({ servers: [url], frameBytes: 64 * 1024 });
    for (const socket of server.clients) socket.send(new Uint8Array(100_000));
    await one.sync();
    expect(one.stats().reconnects).toBeGreaterThanOrEqual(0);
    expect(one.state.name).toBe("connected");
  });

  test("a port that accepts and never answers costs an attempt; the signal ends the waiting", async () => {
    const hole = createServer(() => undefined);
    hole.listen(0, "127.0.0.1");
    await once(hole, "listening");
    ends.push(() => {
      hole.close();
    });
    const { port } = hole.address() as AddressInfo;
    const abort = new AbortController();
    const connecting = rejection(connect({ servers: [`ws://127.0.0.1:${port}`], signal: abort.signal }));
    abort.abort();
    expect(await connecting).toMatchObject({ code: "ABORTED" });
  });

  test("a refused connection rejects with why, and an aborted dial leaves no socket", async () => {
    const closed = createServer();
    closed.listen(0, "127.0.0.1");
    await once(closed, "listening");
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, "close");
    const url = `ws://127.0.0.1:${port}`;
    const dial = { signal: new AbortController().signal, frameBytes: 1_000 };
    expect(await rejection(wsTransport.connect(url, dial))).toMatchObject({ code: "ECONNREFUSED" });
    expect(
      await rejection(wsTransport.connect(url, { ...dial, signal: AbortSignal.abort(new Error("no")) })),
    ).toMatchObject({ message: "no" });
  });

  test("two clients of different transports live side by side", async () => {
    const { url } = await serve();
    const one = await client({ servers: [url] });
    const other = open({ servers: ["memory:"], transport: { connect: () => Promise.reject(new Error("none")) } });
    ends.push(() => other.close());
    await one.sync();
    expect(other.state.name).toBe("connecting");
  });
});
