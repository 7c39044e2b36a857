// A session with a real ZooKeeper over its own protocol: connection, pipelining, heartbeats, reconnect. It owns the
// socket and what was sent and not yet answered; replies and events reach the receiver in the order of arrival.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Session, SessionOptions, Target } from "./answer.ts";
import { FrameSplitter, JuteReader } from "./jute.ts";
import type { AddAuth, Op } from "./operation.ts";
import {
  authXid,
  connectRequest,
  eventXid,
  pingXid,
  readAnswer,
  readConnectResponse,
  readEvent,
  request,
  sessionName,
  xidOf,
} from "./zookeeper-messages.ts";
import type { ZooKeeperProcess } from "./zookeeper-process.ts";

export function zookeeperTarget(server: ZooKeeperProcess, name: string = `ZooKeeper ${server.version}`): Target {
  return {
    name,
    open: async (options) => {
      const session = new ZooKeeperSession(server.port, options);
      const error = await session.attach();
      if (error !== "OK") throw new Error(`${name} refused a new session: ${error}`);
      return session;
    },
    stop: () => server.stop(),
  };
}

interface Pending {
  readonly xid: number;
  /** Undefined for a request of the adapter itself, whose reply is nobody's business. */
  readonly op: Op | undefined;
  readonly settled: () => void;
}

class ZooKeeperSession implements Session {
  readonly #port: number;
  readonly #options: SessionOptions;
  #id = 0n;
  #password: Uint8Array = Buffer.alloc(16);
  #lastZxid = 0n;
  #nextXid = 1;
  #identities: AddAuth[] = [];
  #socket: Socket | undefined;
  #pending: Pending[] = [];
  #heartbeat: NodeJS.Timeout | undefined;

  constructor(port: number, options: SessionOptions) {
    this.#port = port;
    this.#options = options;
  }

  get id(): string {
    return sessionName(this.#id);
  }

  async burst(ops: readonly Op[]): Promise<void> {
    await this.#send(ops.map((op) => ({ op, heard: true })));
  }

  async fence(): Promise<void> {
    // sync goes through the pipeline behind everything that was there before; its path means nothing.
    await this.#send([{ op: { op: "sync", path: "/" }, heard: false }]);
  }

  async drop(): Promise<void> {
    this.silence();
    const socket = this.#socket;
    if (socket === undefined) return;
    const closed = once(socket, "close");
    socket.destroy();
    await closed;
  }

  async attach(): Promise<string> {
    const socket = connect(this.#port, "127.0.0.1").setNoDelay(true);
    const splitter = new FrameSplitter();
    const established = new Promise<boolean>((resolve, reject) => {
      let waiting = true;
      socket.on("error", reject);
      socket.on("close", () => {
        this.#lose(socket);
        resolve(false);
      });
      socket.on("data", (chunk: Buffer) => {
        for (const frame of splitter.push(chunk)) {
          if (waiting) {
            waiting = false;
            const response = readConnectResponse(frame);
            if (response.timeoutMs > 0) {
              this.#id = response.id;
              this.#password = response.password;
            }
            resolve(response.timeoutMs > 0);
          } else this.#receive(frame);
        }
      });
    });
    socket.write(connectRequest(this.#options.timeoutMs, this.#lastZxid, this.#id, this.#password));
    if (!(await established)) {
      socket.destroy();
      return "SESSION_EXPIRED";
    }
    this.#socket = socket;
    this.#heartbeat = setInterval(
      () => void this.#send([{ op: { op: "ping" }, heard: false }]),
      this.#options.timeoutMs / 6,
    );
    if (this.#identities.length > 0) await this.#send(this.#identities.map((op) => ({ op, heard: false })));
    return "OK";
  }

  silence(): void {
    clearInterval(this.#heartbeat);
  }

  async end(): Promise<void> {
    this.silence();
    await this.#send([{ op: { op: "close" }, heard: false }]);
    await this.drop();
  }

  async #send(ops: readonly { op: Op; heard: boolean }[]): Promise<void> {
    const socket = this.#socket;
    const settled = ops.map(({ op, heard }) => {
      const xid = xidOf(op, () => this.#nextXid++);
      return {
        bytes: request(op, xid, this.#options.top, this.#lastZxid),
        done: new Promise<void>((resolve) => this.#pending.push({ xid, op: heard ? op : undefined, settled: resolve })),
      };
    });
    if (socket === undefined) this.#failPending();
    else socket.write(Buffer.concat(settled.map(({ bytes }) => bytes)));
    await Promise.all(settled.map(({ done }) => done));
  }

  #receive(frame: Buffer): void {
    const reader = new JuteReader(frame);
    const [xid, zxid, code] = [reader.int(), reader.long(), reader.int()];
    if (xid === eventXid) {
      this.#options.receive({ kind: "event", ...readEvent(reader, this.#options.top) });
      return;
    }
    const pending = this.#take(xid);
    if (xid > 0 && zxid > 0n) {
      if (zxid < this.#lastZxid) throw new Error(`zxid went back from ${this.#lastZxid} to ${zxid}`);
      this.#lastZxid = zxid;
    }
    const { op } = pending;
    if (op !== undefined) {
      if (op.op === "addAuth" && code === 0) this.#identities.push(op);
      this.#options.receive({ kind: "reply", op, answer: readAnswer(op, reader, code, zxid, this.#options.top) });
    }
    pending.settled();
  }

  /** Replies come in the order of the requests; only those of pings and identities may come out of turn. */
  #take(xid: number): Pending {
    const early = xid === pingXid || xid === authXid;
    const index = early ? this.#pending.findIndex((pending) => pending.xid === xid) : 0;
    const [pending] = this.#pending.splice(index, 1);
    if (pending?.xid !== xid) throw new Error(`reply ${xid} where ${pending?.xid} was due`);
    return pending;
  }

  #lose(socket: Socket): void {
    if (this.#socket !== socket) return;
    this.silence();
    this.#socket = undefined;
    this.#failPending();
  }

  #failPending(): void {
    const pending = this.#pending;
    this.#pending = [];
    for (const { op, settled } of pending) {
      if (op !== undefined) this.#options.receive({ kind: "reply", op, answer: { error: "NO_ANSWER" } });
      settled();
    }
  }
}
