/**
 * `npm run bench [-- --operations N --znodes N]`: what corrald does on this machine. A lone figure says little: compare two
 * runs on one machine, or two systems in one run.
 */
import { parseArgs } from "node:util";
import { CreateMode, Op, type RequestBody } from "@corral/protocol";
import { Connection } from "./connection.ts";
import { Daemon } from "./daemon.ts";
import { load } from "./load.ts";

const { values } = parseArgs({
  options: { operations: { type: "string", default: "200000" }, znodes: { type: "string", default: "1000000" } },
});
const operations = Number(values.operations);
const znodes = Number(values.znodes);

const value = new Uint8Array(100).fill(120);
const create = (path: string, data: Uint8Array | null = value): RequestBody => ({
  op: Op.create,
  path,
  data,
  mode: CreateMode.persistent,
  acl: null,
  ttlMs: 0,
  flags: 0,
});
const get = (): RequestBody => ({ op: Op.get, path: "/bench", watch: false, consistency: 0 });
const set = (): RequestBody => ({ op: Op.set, path: "/bench", data: value, version: -1 });

const daemon = new Daemon();
try {
  console.log(`Node ${process.version}, data in ${daemon.directory}`);
  await daemon.start();
  await throughput();
  if (znodes > 0) await memory();
} finally {
  await daemon.stop("SIGKILL");
  daemon.forget();
}

async function throughput(): Promise<void> {
  const connections = await Promise.all(Array.from({ length: 32 }, () => Connection.open(daemon.url)));
  await connections[0]!.ask(create("/bench"));
  const workloads = { get, set, "mix 90/10": (n: number) => (n % 10 === 0 ? set() : get()) };
  for (const [name, body] of Object.entries(workloads)) {
    for (const [count, inFlight] of [
      [1, 1],
      [8, 1],
      [32, 64],
    ] as const) {
      const share = inFlight === 1 ? operations / 20 : operations;
      const cpu = daemon.cpuMs;
      const { perSecond, p50Us, p99Us } = await load(connections.slice(0, count), inFlight, share, body);
      const cpuUs = ((daemon.cpuMs - cpu) * 1000) / (share * 1.1);
      const line = [
        `${perSecond.toFixed(0)}/s`,
        `p50 ${p50Us.toFixed(0)} µs`,
        `p99 ${p99Us.toFixed(0)} µs`,
        `server ${cpuUs.toFixed(1)} µs CPU an operation`,
      ];
      console.log(`${name} ${count}×${inFlight}: ${line.join(", ")}`);
    }
  }
  for (const connection of connections) connection.close();
}

async function memory(): Promise<void> {
  const connection = await Connection.open(daemon.url);
  const parents = Math.ceil(znodes / 1000);
  for (let n = 0; n < parents; n++) await connection.ask(create(`/bench/p${n}`, null));
  const before = performance.now();
  let made = 0;
  const total = Math.floor(znodes / 1.1);
  await load([connection], 512, total, () =>
    create(`/bench/p${Math.floor(made / 1000)}/n${String(made++ % 1000).padStart(6, "0")}`),
  );
  console.log(
    `${made} znodes of 100 bytes in ${((performance.now() - before) / 1000).toFixed(1)} s; resident ${(daemon.rss / 1e6).toFixed(0)} MB`,
  );
  connection.close();
  await daemon.stop("SIGKILL");
  const started = await daemon.start();
  const again = await Connection.open(daemon.url);
  const answer = await again.ask(get());
  console.log(
    `after kill -9: ${(started / 1000).toFixed(1)} s until the first read (${answer[2] === 0 ? "answered" : "refused"}); resident ${(daemon.rss / 1e6).toFixed(0)} MB`,
  );
  again.close();
}
