/**
 * Somebody who keeps to nothing: comes with wrong credentials, with the sessions of others, and with frames that no client of ours
 * would send. What must come of it is nothing: the server lives on, refuses, and its log holds only what applies.
 */
import {
  CreateMode,
  type Hello,
  Op,
  PROTOCOL_VERSION,
  type RequestBody,
  type SessionWish,
  Writer,
  writeHello,
  writeRequest,
} from "@corral/protocol";
import { between, type Draw, drawFrom, oneOf } from "@corral/testing/world";
import { MAX_RECORD_BYTES } from "../../world/plan.ts";
import type { Life, Stage } from "../cast.ts";

export const STRANGER = "stranger";

const SECRET_BYTES = 32;
const FRAME_BYTES = 1 << 20;
const FRAMES_MAX = 6;
/** Asked for with a credential that is refused: a session that is opened all the same is still there in the end. */
const TIMEOUT_MS_REFUSED = 600_000;
const TIMEOUT_MS = 1_000;

const PATHS: readonly string[] = [
  "/w//x",
  "/w/./x",
  "/w/..",
  "/w/x/",
  "w",
  "w/x",
  "",
  "/w/\u0001",
  "/w/\0",
  "/w/é",
  "//",
];

export class Stranger {
  readonly #life: Life;
  readonly #stage: Stage;
  #visits = 0;
  isStopped = false;

  constructor(life: Life, stage: Stage) {
    this.#life = life;
    this.#stage = stage;
  }

  /** Comes and goes until it is stopped. */
  begin(): void {
    const { name, process } = this.#life;
    const step = `${name} visit ${++this.#visits}`;
    const draw = drawFrom(this.#stage.plan.seed, step);
    process.after(between(draw, 100, 2_000), "timer", () => {
      if (this.isStopped) return;
      if (this.#stage.mayAct(step)) void this.#visit(draw).catch(() => this.#stage.note(`${name} is not let in`));
      this.begin();
    });
  }

  async #visit(draw: Draw): Promise<void> {
    const { process, options } = this.#life;
    const [url] = options.servers as readonly string[];
    const given = new AbortController();
    const wire = await options.transport!.connect(url!, { signal: given.signal, frameBytes: FRAME_BYTES });
    wire.onmessage = undefined;
    wire.onclose = undefined;
    const kind = oneOf(draw, ["well-behaved", "well-behaved", "wrong credential", "session of another", "garbage"]);
    wire.send(kind === "garbage" ? bytes(draw, 40) : helloOf(this.#hello(kind, draw)));
    const pause = (): Promise<void> => new Promise((done) => void process.after(between(draw, 1, 300), "timer", done));
    await pause();
    for (let i = between(draw, 1, FRAMES_MAX); i > 0 && !this.isStopped; i--) {
      wire.send(this.#frame(draw, between(draw, 1, 4)));
      await pause();
    }
    wire.close(1_000, "enough");
  }

  #hello(kind: string, draw: Draw): Hello {
    const secret = bytes(draw, SECRET_BYTES);
    const hello = {
      versionMin: PROTOCOL_VERSION,
      versionMax: PROTOCOL_VERSION,
      clusterId: null,
      lastZxid: 0,
      timeoutMs: kind === "wrong credential" ? TIMEOUT_MS_REFUSED : TIMEOUT_MS,
      credentials: kind === "wrong credential" ? [{ scheme: "digest", credential: Buffer.from("nobody") }] : [],
    };
    return { ...hello, session: kind === "session of another" ? this.#stolen(draw, secret) : { kind: "new", secret } };
  }

  /** A session that is there, and a secret that is not its own. */
  #stolen(draw: Draw, secret: Uint8Array): SessionWish {
    let ids: readonly number[] = [];
    try {
      ids = Array.from(this.#stage.state().sessions.values(), ({ id }) => id);
    } catch {
      // The server is down.
    }
    return ids.length === 0 ? { kind: "new", secret } : { kind: "resume", id: oneOf(draw, ids), secret, acked: 0 };
  }

  #frame(draw: Draw, xid: number): Uint8Array {
    const w = new Writer(256);
    const path = oneOf(draw, PATHS);
    const create = { op: Op.create, path, data: null, mode: CreateMode.persistent, acl: null, ttlMs: 0, flags: 0 };
    const request = (body: object): Uint8Array => {
      writeRequest(w, xid, body as RequestBody);
      return w.take();
    };
    switch (between(draw, 0, 9)) {
      case 0:
        return request({ ...create, flags: between(draw, 0, 1) });
      case 1:
        return request({ op: Op.multi, ops: [{ ...create, path: "/w/stranger" }, create] });
      case 2:
        return request({ op: Op.multiEach, ops: [create, { op: Op.set, path, data: null, version: -1 }] });
      case 3:
        return request({ op: Op.delete, path, version: -1 });
      case 4:
        return request({ ...create, path: "/w/stranger", mode: between(draw, 0, 12), ttlMs: between(draw, 0, 1) });
      case 5:
        return request({ ...create, path: "/w/stranger", data: this.#tooLarge(draw) });
      case 6:
        return array(w, [xid, Op.check, "/w", 0, -1]);
      case 7:
        return array(w, [xid, Op.multi, [[oneOf(draw, [Op.multi, Op.get, Op.close]), "/w"]], null]);
      case 8:
        return array(w, [xid, between(draw, 0, 300)]);
      default:
        return bytes(draw, between(draw, 0, 200));
    }
  }

  /** Beyond what the server takes; only where the log holds what it takes. */
  #tooLarge(draw: Draw): Uint8Array | null {
    const most = this.#stage.plan.limits.requestBytes ?? Number.POSITIVE_INFINITY;
    return most > MAX_RECORD_BYTES ? null : new Uint8Array(between(draw, most - 100, 2 * MAX_RECORD_BYTES));
  }
}

const bytes = (draw: Draw, length: number): Uint8Array => Uint8Array.from({ length }, () => Math.floor(draw() * 256));

function helloOf(hello: Hello): Uint8Array {
  const w = new Writer(256);
  writeHello(w, hello);
  return w.take();
}

type Item = number | string | null | readonly Item[];

function array(w: Writer, items: readonly Item[]): Uint8Array {
  const put = (item: Item): void => {
    if (item === null) w.nil();
    else if (typeof item === "number") w.int(item);
    else if (typeof item === "string") w.str(item);
    else {
      w.array(item.length);
      item.forEach(put);
    }
  };
  put(items);
  return w.take();
}
