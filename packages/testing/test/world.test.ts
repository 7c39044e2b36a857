/** The parts of the world: clocks that run apart, and connections that are only half there. */
import type { Wire } from "@corral/client";
import { describe, expect, test } from "vitest";
import { Network, Process, Timeline } from "../src/world/index.ts";

const URL = "ws://corral.test:2190";

function world() {
  const timeline = new Timeline(true);
  const network = new Network(timeline, { latencyMs: () => 1 });
  const server = new Process("server", timeline, () => 0);
  const client = new Process("client", timeline, () => 0);
  const heard: string[] = [];
  const sockets: { send(bytes: Uint8Array, taken: () => void): void }[] = [];
  void network.listener(server, URL).listen((socket) => {
    sockets.push(socket);
    return { received: (bytes) => heard.push(`${bytes.length} bytes`), closed: () => heard.push("closed") };
  });
  const dial = async (): Promise<{ readonly wire: Wire; readonly told: string[] }> => {
    const dialling = network
      .transport(client, "a")
      .connect(URL, { signal: new AbortController().signal, frameBytes: 1e6 });
    const [wire] = await Promise.all([dialling, timeline.advance(10)]);
    const told: string[] = [];
    wire.onmessage = (bytes) => void told.push(`${bytes.length} bytes`);
    wire.onclose = (code) => void told.push(`closed ${code}`);
    return { wire, told };
  };
  return { timeline, network, server, client, heard, sockets, dial };
}

describe("a clock that runs apart", () => {
  test("counts more in the same time, and its timers come sooner", async () => {
    const timeline = new Timeline(true);
    const fast = new Process("fast", timeline, () => 0, { rate: 1.25 });
    const at: number[] = [];
    fast.after(1_000, "timer", () => at.push(timeline.now));
    await timeline.advance(10_000);
    expect(at).toEqual([800]);
    expect(fast.monotonicMs()).toBe(12_500);
  });

  test("counts nothing while its machine sleeps, and its wall clock does", async () => {
    const timeline = new Timeline(true);
    const slow = new Process("slow", timeline, () => 0, { rate: 0.5 });
    const wall = slow.wallMs();
    const at: number[] = [];
    slow.after(100, "timer", () => at.push(timeline.now));
    slow.sleep(1_000);
    await timeline.advance(2_000);
    expect(at).toEqual([1_200]);
    expect(slow.monotonicMs()).toBe(500);
    expect(slow.wallMs() - wall).toBe(1_000);
    expect(slow.hasSlept).toBe(true);
  });

  test("does not hurry what comes by the network", async () => {
    const timeline = new Timeline(true);
    const fast = new Process("fast", timeline, () => 0, { rate: 2 });
    const at: number[] = [];
    fast.after(100, "work", () => at.push(timeline.now));
    await timeline.advance(1_000);
    expect(at).toEqual([100]);
  });
});

describe("a connection", () => {
  test("with a message that is stuck carries nothing behind it that way, and nobody is told", async () => {
    const { timeline, network, heard, sockets, dial } = world();
    const { wire, told } = await dial();
    let left = 1;
    network.observe((frame) => (frame.from === "client" && left-- > 0 ? "stuck" : undefined));
    wire.send(new Uint8Array(3));
    wire.send(new Uint8Array(4));
    sockets[0]!.send(new Uint8Array(5), () => {});
    await timeline.advance(10_000);
    expect(heard).toEqual([]);
    expect(told).toEqual(["5 bytes"]);
  });

  test("may be refused, or taken by a machine whose process never hears of it", async () => {
    const { timeline, network, heard, sockets, dial } = world();
    const open = network.shut("a", "refused");
    await expect(dial()).rejects.toThrow("nobody listens");
    open();
    const free = network.shut("all", "hung");
    const { wire, told } = await dial();
    wire.send(new Uint8Array(3));
    await timeline.advance(10_000);
    expect([heard, told, sockets]).toEqual([[], [], []]);
    wire.close(1000, "");
    expect(network.links).toEqual([]);
    free();
    await dial();
    expect(sockets).toHaveLength(1);
  });

  test("that is half-open at the server is closed there by the server alone", async () => {
    const { timeline, network, heard, sockets, dial } = world();
    const { told } = await dial();
    network.links[0]!.resetClient();
    await timeline.advance(60_000);
    expect(told).toEqual(["closed 1006"]);
    expect(heard).toEqual([]);
    expect(network.links).toHaveLength(1);
    (sockets[0] as unknown as { close(code: number, reason: string): void }).close(4000, "");
    await timeline.advance(3_000);
    expect(heard).toEqual(["closed"]);
    expect(network.links).toEqual([]);
  });

  test("that is slow takes its time for each byte, each way", async () => {
    const { timeline, network, heard, dial } = world();
    const { wire } = await dial();
    const end = network.slow("a", 2);
    wire.send(new Uint8Array(1_000));
    wire.send(new Uint8Array(1_000));
    const sentAt = timeline.now;
    await timeline.runUntilIdle();
    expect(heard).toHaveLength(2);
    expect(timeline.now - sentAt).toBeCloseTo(1_001, 0);
    end();
    wire.send(new Uint8Array(1_000));
    await timeline.runUntilIdle();
    expect(heard).toHaveLength(3);
    expect(timeline.now - sentAt).toBeCloseTo(1_002, 0);
  });
});
