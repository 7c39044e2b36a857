/**
 * A WebSocket between two processes that carries the bytes of gets and their replies and does nothing with them: as one in
 * flight, and as 32 × 64, with a request a frame and with all 64 in one.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";
import type { Floor, FloorName } from "../report/results.ts";
import { endsWithUs } from "../run/children.ts";
import { cpuSeconds } from "../run/processor-time.ts";
import { BULK } from "../run/scale.ts";
import { getRequest } from "./get-bytes.ts";
import { latenciesOf } from "./latencies.ts";

const WARM_UP_SHARE = 0.5;

interface Echo {
  readonly name: FloorName;
  readonly connections: number;
  readonly framesInFlight: number;
  readonly requestsAFrame: number;
}

const ECHOES: readonly Echo[] = [
  { name: "echo-1x1", connections: 1, framesInFlight: 1, requestsAFrame: 1 },
  { name: "echo-32x64-single", connections: BULK[0], framesInFlight: BULK[1], requestsAFrame: 1 },
  { name: "echo-32x64-batched", connections: BULK[0], framesInFlight: 1, requestsAFrame: BULK[1] },
];

export async function echoFloors(ms: number): Promise<Floor[]> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("./echo-server.js", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  if (child.pid === undefined) throw new Error("the echo server cannot be started");
  const forget = endsWithUs(child.pid);
  const exited = once(child, "exit");
  try {
    const said = once(createInterface({ input: child.stdout }), "line") as Promise<[string]>;
    const [port] = await Promise.race([
      said,
      exited.then(() => Promise.reject(new Error("the echo server ended before it served"))),
    ]);
    const floors: Floor[] = [];
    for (const echo of ECHOES) floors.push(await measure(echo, `ws://127.0.0.1:${port}`, child.pid, ms));
    return floors;
  } finally {
    child.kill("SIGKILL");
    await exited;
    forget();
  }
}

async function measure(echo: Echo, url: string, server: number, ms: number): Promise<Floor> {
  const sockets = await Promise.all(Array.from({ length: echo.connections }, () => connect(url)));
  try {
    await drive(echo, sockets, ms * WARM_UP_SHARE);
    const cpu = cpuSeconds(server);
    const from = performance.now();
    const micros = await drive(echo, sockets, ms);
    const seconds = (performance.now() - from) / 1000;
    const serverCpu = cpuSeconds(server) - cpu;
    const operations = micros.length * echo.requestsAFrame;
    return { name: echo.name, operations, seconds, latencies: latenciesOf(micros), serverCpu };
  } finally {
    for (const socket of sockets) socket.terminate();
  }
}

async function connect(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, "open");
  return socket;
}

/** Microseconds of each frame until its answer. Ends when the last is answered. */
function drive(echo: Echo, sockets: readonly WebSocket[], ms: number): Promise<number[]> {
  const request = getRequest();
  const frame = new Uint8Array(request.length * echo.requestsAFrame);
  for (let n = 0; n < echo.requestsAFrame; n++) frame.set(request, n * request.length);
  const micros: number[] = [];
  const until = performance.now() + ms;
  let inFlight = 0;
  return new Promise((resolve, reject) => {
    for (const socket of sockets) {
      // Answers come in the order of the requests.
      const sentAt: number[] = [];
      const send = (): void => {
        inFlight += 1;
        sentAt.push(performance.now());
        socket.send(frame);
      };
      socket.removeAllListeners();
      socket.once("error", reject);
      socket.once("close", () => reject(new Error("the echo server closed a connection")));
      socket.on("message", () => {
        const now = performance.now();
        micros.push((now - sentAt.shift()!) * 1000);
        inFlight -= 1;
        if (now < until) send();
        else if (inFlight === 0) resolve(micros);
      });
      for (let n = 0; n < echo.framesInFlight; n++) send();
    }
  });
}
