/**
 * A TCP proxy between a client and corrald that cuts the connection at the worst moment, once, when armed. Knows just
 * enough of WebSocket to tell a reply from a pong of the session: the server's frames are not masked, and a message begins
 * with the xid, which is 0 in the answer to a ping.
 */
import net from "node:net";

/**
 * `request`: what the client sends next does not arrive. `reply`: it arrives and is applied, and nothing of the answer gets
 * through. `half`: half of the answer's bytes do.
 */
export type Cut = "request" | "reply" | "half";

export class ReplyCutter {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  readonly #target: { readonly host: string; readonly port: number };
  #armed: { readonly cut: Cut; readonly done: () => void } | undefined;

  private constructor(target: string) {
    const { hostname, port } = new URL(target);
    this.#target = { host: hostname, port: Number(port) };
    this.#server = net.createServer((client) => this.#join(client));
  }

  /** In front of this server. */
  static async open(target: string): Promise<ReplyCutter> {
    const cutter = new ReplyCutter(target);
    await new Promise<void>((resolve) => cutter.#server.listen(0, "127.0.0.1", resolve));
    return cutter;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`;
  }

  /** Cuts at the next request or its reply. Resolves when it has happened. */
  arm(cut: Cut): Promise<void> {
    return new Promise((done) => (this.#armed = { cut, done }));
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(client: net.Socket): void {
    const server = net.connect(this.#target);
    const end = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      // A cut connection breaks on both sides: that is what this is for.
      socket.on("error", end);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        end();
      });
    }
    client.on("data", (bytes) => {
      if (this.#armed?.cut === "request") this.#cut(end);
      else server.write(bytes);
    });
    server.on("data", (bytes) => {
      const armed = this.#armed;
      if (armed === undefined || armed.cut === "request" || isPong(bytes)) client.write(bytes);
      else if (armed.cut === "reply") this.#cut(end);
      // Ends after what is written, so that the half arrives.
      else client.write(bytes.subarray(0, bytes.length >> 1), () => this.#cut(end));
    });
  }

  #cut(end: () => void): void {
    const armed = this.#armed;
    this.#armed = undefined;
    end();
    armed?.done();
  }
}

/** A binary WebSocket frame whose message is an array that begins with xid 0. */
function isPong(bytes: Buffer): boolean {
  const short = (bytes[1] ?? 0) & 0x7f;
  const payload = short < 126 ? 2 : short === 126 ? 4 : 10;
  const isArray = ((bytes[payload] ?? 0) & 0xf0) === 0x90;
  return bytes[0] === 0x82 && isArray && bytes[payload + 1] === 0;
}
