/** Keeps so many requests in flight on so many connections, and measures. */
import type { RequestBody } from "@corral/protocol";
import type { Connection } from "./connection.ts";

export interface Measured {
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** `operations` in all, after a tenth of them as warm-up. */
export async function load(
  connections: readonly Connection[],
  inFlight: number,
  operations: number,
  body: (n: number) => RequestBody,
): Promise<Measured> {
  await drive(connections, inFlight, Math.ceil(operations / 10), body, []);
  const latencies: number[] = [];
  const started = performance.now();
  await drive(connections, inFlight, operations, body, latencies);
  const seconds = (performance.now() - started) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (share: number): number => (latencies[Math.floor((latencies.length - 1) * share)] ?? 0) * 1000;
  return { perSecond: operations / seconds, p50Us: at(0.5), p99Us: at(0.99) };
}

function drive(
  connections: readonly Connection[],
  inFlight: number,
  operations: number,
  body: (n: number) => RequestBody,
  latencies: number[],
): Promise<void> {
  let sent = 0;
  let answered = 0;
  return new Promise((resolve, reject) => {
    const next = (connection: Connection): void => {
      if (sent >= operations) return;
      const n = sent++;
      const from = performance.now();
      connection.request(body(n), (message) => {
        if (message[2] !== 0) return reject(new Error(`operation ${n} was refused: ${JSON.stringify(message)}`));
        latencies.push(performance.now() - from);
        if (++answered === operations) resolve();
        else next(connection);
      });
    };
    for (const connection of connections) for (let i = 0; i < inFlight; i++) next(connection);
  });
}
