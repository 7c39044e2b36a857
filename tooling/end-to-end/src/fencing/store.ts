/**
 * What a lock protects, outside of Corral: a store that takes a write only if its token is not smaller than the greatest one it has
 * seen. It remembers every write that was tried, and picks the holders that are to be stopped in the middle of their work.
 *
 * JSON lines over TCP: a {@link Write} in, a {@link Verdict} out.
 */
import net from "node:net";

/** What a contender sends. */
export interface Write {
  readonly pid: number;
  readonly contender: string;
  readonly token: number;
  /** It was stopped while it held, and goes on as if nothing had happened. */
  readonly isLate: boolean;
}

/** What the store says. */
export interface Verdict {
  readonly isAccepted: boolean;
  /** Stop yourself at once: SIGSTOP. */
  readonly stop: boolean;
}

export interface Tried extends Write {
  readonly isAccepted: boolean;
}

export interface StoreOptions {
  /** False: every write is taken, whatever its token. For showing that the checker sees it. */
  readonly isFenced: boolean;
  /** Every so many hand-overs the new holder is told to stop itself. */
  readonly stopEvery: number;
}

export interface FencedStore {
  readonly port: number;
  /** In the order in which they came. */
  readonly history: readonly Tried[];
  /** Holders seen, each by its token. */
  readonly handOvers: number;
  /** Those of them that were stopped, and overtaken by another holder before they went on. */
  readonly overtaken: number;
  /** Resolves after so many hand-overs, and when everybody who was stopped has tried its late write. */
  reached(handOvers: number): Promise<void>;
  /** No holder is stopped any more; the one that is, goes on. */
  close(): void;
}

export async function openStore({ isFenced, stopEvery }: StoreOptions): Promise<FencedStore> {
  const history: Tried[] = [];
  const sockets = new Set<net.Socket>();
  let greatest = 0;
  let handOvers = 0;
  let overtaken = 0;
  /** The one that stands still now. */
  let stopped: { readonly pid: number; readonly token: number } | undefined;
  /** It goes on, and has not tried its write yet. */
  let late: number | undefined;
  let goal: { readonly handOvers: number; readonly reach: () => void } | undefined;

  const take = (write: Write): Verdict => {
    const isAccepted = !isFenced || write.token >= greatest;
    history.push({ ...write, isAccepted });
    if (write.isLate) late = undefined;
    const isNew = !write.isLate && write.token > greatest;
    greatest = Math.max(greatest, write.token);
    let stop = false;
    if (isNew) {
      handOvers++;
      if (stopped !== undefined && write.token > stopped.token) {
        overtaken++;
        late = stopped.token;
        process.kill(stopped.pid, "SIGCONT");
        stopped = undefined;
      } else if (stopped === undefined && late === undefined && handOvers % stopEvery === 0) {
        stopped = { pid: write.pid, token: write.token };
        stop = true;
      }
    }
    if (goal !== undefined && handOvers >= goal.handOvers && stopped === undefined && late === undefined) goal.reach();
    return { isAccepted, stop };
  };

  const server = net.createServer((socket) => {
    sockets.add(socket);
    let rest = "";
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (bytes: Buffer) => {
      const lines = (rest + bytes.toString()).split("\n");
      rest = lines.pop()!;
      for (const line of lines) socket.write(`${JSON.stringify(take(JSON.parse(line) as Write))}\n`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as net.AddressInfo).port,
    history,
    get handOvers() {
      return handOvers;
    },
    get overtaken() {
      return overtaken;
    },
    reached: (count) =>
      new Promise((reach) => {
        goal = { handOvers: count, reach };
      }),
    close() {
      if (stopped !== undefined) process.kill(stopped.pid, "SIGCONT");
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** Writes that were taken though a greater token had been seen: each is a write by one who held no more. */
export function violations(history: readonly Tried[]): Tried[] {
  let greatest = 0;
  return history.filter(({ token, isAccepted }) => {
    const isStale = token < greatest;
    greatest = Math.max(greatest, token);
    return isStale && isAccepted;
  });
}
