/**
 * Several contenders for one lock, each a client with a session of its own, in a process that can be stopped: acquire, write to the
 * store with the token, release, again and again. Told to by the store it stops itself while it holds, and afterwards tries what a
 * program would try that looks at nothing.
 *
 * Started with: URL of corrald, port of the store, number of clients, session timeout (ms). Ends when its stdin does.
 */
import net from "node:net";
import { type Client, connect, isCorralError } from "@corral/client";
import { type Held, lock } from "@corral/recipes";
import type { Verdict, Write } from "./store.ts";

const [url, port, clients, timeoutMs] = process.argv.slice(2) as [string, string, string, string];
const LOCK = "/fenced/lock";
const GUARDED = "/fenced/guarded";

process.stdin.on("end", () => process.exit(0)).resume();

class StoreConnection {
  readonly #socket: net.Socket;
  readonly #waiting: ((verdict: Verdict) => void)[] = [];

  constructor(to: number) {
    this.#socket = net.connect(to, "127.0.0.1").setNoDelay(true);
    let rest = "";
    this.#socket.on("data", (bytes: Buffer) => {
      const lines = (rest + bytes.toString()).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#waiting.shift()!(JSON.parse(line) as Verdict);
    });
    // The run is over.
    this.#socket.on("close", () => process.exit(0));
    this.#socket.on("error", () => process.exit(0));
  }

  write(write: Write): Promise<Verdict> {
    this.#socket.write(`${JSON.stringify(write)}\n`);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

const store = new StoreConnection(Number(port));
const { pid } = process;

await Promise.all(
  Array.from({ length: Number(clients) }, async (_, index) => {
    const client = await connect({ servers: [url], session: { timeoutMs: Number(timeoutMs) } });
    await contend(client, `${pid}.${index}`);
  }),
);

async function contend(client: Client, contender: string): Promise<never> {
  const mine = lock(client, LOCK, { identity: contender });
  for (;;) {
    try {
      await using held = await mine.acquire();
      const { stop } = await store.write({ pid, contender, token: held.token, isLate: false });
      if (!stop) continue;
      process.kill(pid, "SIGSTOP");
      await goOnRegardless(client, contender, held);
    } catch (error) {
      // Its place in the queue went with its session: again from the beginning.
      if (!isCorralError(error, "SESSION_EXPIRED", "GUARD_FAILED")) throw error;
    }
  }
}

/** The first statement after the stop, and then the writes. */
async function goOnRegardless(client: Client, contender: string, held: Held): Promise<void> {
  const { isValid } = held;
  const late = store.write({ pid, contender, token: held.token, isLate: true });
  const guarded = client.set(GUARDED, null, { guard: held.guard }).then(
    () => "a guarded write of a lost lock was done",
    (error: unknown) => (isCorralError(error, "GUARD_FAILED", "SESSION_EXPIRED") ? undefined : String(error)),
  );
  await late;
  const fault = isValid ? "a lost lock looked valid" : await guarded;
  if (fault === undefined) return;
  process.stderr.write(`${contender}: ${fault}\n`);
  process.exit(1);
}
