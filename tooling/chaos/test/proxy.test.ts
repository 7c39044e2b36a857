/** The bad network: it holds back, slows and cuts, and never changes a byte. */
import net from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { BadNetwork } from "../src/proxy.ts";

let echo: net.Server;
let network: BadNetwork;
let socket: net.Socket;
let heard: string;
let isOver: boolean;

beforeEach(async () => {
  echo = net.createServer((each) => {
    each.on("error", () => {});
    each.pipe(each);
  });
  await new Promise<void>((resolve) => echo.listen(0, "127.0.0.1", resolve));
  network = await BadNetwork.open(() => `ws://127.0.0.1:${(echo.address() as net.AddressInfo).port}`);
  socket = net.connect(network.port, "127.0.0.1");
  heard = "";
  isOver = false;
  socket.on("data", (bytes: Buffer) => (heard += bytes.toString()));
  socket.on("error", () => {});
  socket.on("close", () => (isOver = true));
  socket.write("+");
  await until(() => heard === "+");
  heard = "";
});
afterEach(() => {
  socket.destroy();
  network.close();
  echo.close();
});

const until = (condition: () => boolean): Promise<void> => expect.poll(condition, { interval: 10 }).toBe(true);

test("open, it passes everything on", async () => {
  socket.write("hello");
  await until(() => heard === "hello");
});

test.each(["hole", "hole-to-server", "hole-from-server"] as const)(
  "what is sent into a %s arrives when it ends, in order",
  async (mode) => {
    network.mode = mode;
    socket.write("one ");
    await wait(100);
    socket.write("two");
    await wait(100);
    expect(heard).toBe("");
    network.mode = "open";
    await until(() => heard === "one two");
  },
);

test.each(["delay", "throttle", "drip"] as const)("%s changes no byte", async (mode) => {
  network.mode = mode;
  const text = "0123456789".repeat(50);
  socket.write(text);
  await until(() => heard === text);
});

test("a reset ends connections at once", async () => {
  socket.write("hello");
  await until(() => heard === "hello");
  network.reset();
  await until(() => isOver);
  expect(network.connections).toBe(0);
});

test("cut in a frame, half of what comes next arrives at the server, and the connection ends", async () => {
  let arrived = "";
  echo.once("connection", (each) => each.on("data", (bytes: Buffer) => (arrived += bytes.toString())));
  const other = net.connect(network.port, "127.0.0.1").on("error", () => {});
  await new Promise<void>((resolve) => other.once("connect", resolve));
  await until(() => network.connections === 2);
  network.cutInFrame();
  other.write("12345678");
  await until(() => other.destroyed);
  expect(arrived).toBe("1234");
});

test("an end that comes during a hole is heard of when it is over", async () => {
  network.mode = "hole";
  echo.once("connection", (each) => each.destroy());
  const other = net.connect(network.port, "127.0.0.1").on("error", () => {});
  let isEnded = false;
  other.on("close", () => (isEnded = true));
  await wait(200);
  expect(isEnded).toBe(false);
  network.mode = "open";
  await until(() => isEnded);
});
