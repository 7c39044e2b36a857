/** The connection between processes: answers in any order, bounds, what happens when the other end is gone or sends rubbish. */
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { WebSocket } from "ws";
import { BrokerError } from "../src/wire/errors.ts";
import { Fields, requestReaders } from "../src/wire/fields.ts";
import { decodeReply, decodeRequest, encodeFrame } from "../src/wire/frames.ts";
import { type Handle, Listener } from "../src/wire/listener.ts";
import { Peer } from "../src/wire/peer.ts";
import { Peers } from "../src/wire/peers.ts";

interface Words {
  readonly ask: { readonly request: unknown; readonly reply: unknown };
}

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function listen(handle: Handle, port = 0): Promise<{ listener: Listener; faults: unknown[] }> {
  const faults: unknown[] = [];
  const listener = await Listener.open({ host: "127.0.0.1", port }, handle, (error) => faults.push(error));
  closing.push(() => listener.close());
  return { listener, faults };
}

async function dial(listener: Listener): Promise<Peer<Words>> {
  const peer = await Peer.dial<Words>(listener.address);
  closing.push(() => {
    peer.close();
  });
  return peer;
}

test("requests of one connection are answered as they are done, each to who asked it", async () => {
  const { listener } = await listen(async (_, body) => {
    const ms = body as number;
    await pause(ms);
    return Buffer.from(String(ms));
  });
  const peer = await dial(listener);
  const order: number[] = [];
  const asked = [30, 1, 15].map(async (ms) => {
    const reply = (await peer.request("ask", ms)) as Uint8Array;
    order.push(Number(Buffer.from(reply).toString()));
  });
  await Promise.all(asked);
  expect(order).toEqual([1, 15, 30]);
});

test("a refusal comes with its code and its hint; anything else that a handler throws is told here and kept from there", async () => {
  const hint = { broker: 2, leaderEpoch: 3, host: "h", port: 4 };
  const { listener, faults } = await listen((_, body) => {
    throw body === "refuse" ? new BrokerError("NOT_LEADER", "of t/0", hint) : new TypeError("a bug");
  });
  const peer = await dial(listener);
  await expect(peer.request("ask", "refuse")).rejects.toMatchObject({ message: "NOT_LEADER: of t/0", hint });
  await expect(peer.request("ask", "fail")).rejects.toMatchObject({ code: "INTERNAL" });
  expect(faults).toMatchObject([{ message: "a bug" }]);
});

test("what is under way when the connection breaks is disconnected, and its handler is told that nobody waits", async () => {
  let gone: AbortSignal | undefined;
  const { listener } = await listen((_, __, signal) => {
    gone = signal;
    return new Promise(() => {});
  });
  const peer = await dial(listener);
  const asking = peer.request("ask", 1);
  await expect.poll(() => gone).toBeDefined();
  peer.close();
  await expect(asking).rejects.toMatchObject({ code: "DISCONNECTED", isRetriable: true });
  await expect(peer.request("ask", 1)).rejects.toMatchObject({ code: "DISCONNECTED" });
  await expect.poll(() => gone?.aborted).toBe(true);
});

test("an address that nobody listens at is disconnected; when somebody does, the next request gets there", async () => {
  const { listener } = await listen(() => Promise.resolve("first"));
  const peers = new Peers<Words>();
  closing.push(() => {
    peers.close();
  });
  const ask = async () => (await peers.to(listener.address)).request("ask", 1);
  expect(await ask()).toBe("first");
  await listener.close();
  await expect(ask()).rejects.toMatchObject({ code: "DISCONNECTED" });
  closing.length = 0;
  await listen(() => Promise.resolve("second"), listener.address.port);
  expect(await ask()).toBe("second");
});

test("a connection that sends what is no request is closed, and the others are not", async () => {
  const { listener } = await listen((_, body) => Promise.resolve(body));
  const peer = await dial(listener);
  for (const rubbish of [
    Buffer.from("no MessagePack \xc1"),
    encodeFrame([1, "ask", 1]).subarray(0, 3),
    Buffer.alloc(0),
  ]) {
    const socket = new WebSocket(`ws://127.0.0.1:${listener.address.port}`);
    socket.on("open", () => {
      socket.send(rubbish);
    });
    await new Promise((resolve) => socket.once("close", resolve));
  }
  expect(await peer.request("ask", "still here")).toBe("still here");
});

test("frames are read as they were written; what is none is recognised", () => {
  const request = [7, "fetch", { offset: 2 ** 40, batches: Buffer.from("x") }] as const;
  expect(decodeRequest(encodeFrame(request))).toEqual(request);
  const failure = {
    code: "NOT_LEADER" as const,
    message: "m",
    hint: { broker: 1, leaderEpoch: 2, host: "h", port: 3 },
  };
  expect(decodeReply(encodeFrame([7, failure, null]))).toEqual([7, failure, null]);
  for (const none of [encodeFrame([1, "a", 1]).subarray(1), Buffer.from([0xc1]), encodeFrame([1.5, "a", 1])]) {
    expect(decodeRequest(none)).toBeUndefined();
  }
  expect(decodeReply(encodeFrame([1, "no failure", 1]))).toBeUndefined();
});

test("each field of a request is checked: type, range, length; the refusal names it", () => {
  const produce = {
    topic: "t",
    partition: 0,
    producerId: 1,
    sequence: 0,
    acks: "all",
    records: [Buffer.from("a")],
    timeoutMs: 1,
  };
  expect(requestReaders.produce(new Fields(produce))).toEqual(produce);
  for (const [field, bad] of Object.entries({
    topic: "",
    partition: 0.5,
    producerId: 0,
    sequence: -1,
    acks: "some",
    records: [],
    timeoutMs: 1e9,
  })) {
    expect(() => requestReaders.produce(new Fields({ ...produce, [field]: bad }))).toThrow(
      `INVALID_REQUEST: ${field} is`,
    );
  }
  expect(() => requestReaders.produce(new Fields({ ...produce, records: ["text"] }))).toThrow("records is no list");
  expect(() => new Fields(null)).toThrow("is no object");
});
