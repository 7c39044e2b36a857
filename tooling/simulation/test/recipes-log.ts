/** Hand-made logs for the checks of recipes: some sessions, and what they do to znodes with data that can be read. */
import { Op, type WriteRequest } from "@corral/protocol";
import { type Txn, TxnKind } from "@corral/state-machine";
import { Tale } from "../src/check/recipes/tale.ts";
import type { Entry } from "../src/model/model.ts";
import { OPENED } from "./hand-made.ts";

export const ROOT = "/recipes";
const EPHEMERAL = 1;

/** Each write takes the next zxid, and returns it. */
export class RecipeLog {
  readonly entries: Entry[] = [];
  readonly #xids = new Map<number, number>();

  constructor() {
    this.create(this.open(), ROOT);
  }

  get zxid(): number {
    return this.entries.length;
  }

  #add(txn: Txn): number {
    const zxid = this.entries.length + 1;
    this.entries.push({ zxid, timeMs: 1_000 + zxid, txn });
    return zxid;
  }

  /** A session, known by the zxid that opened it. */
  open(): number {
    return this.#add(OPENED);
  }

  write(session: number, body: object): number {
    const xid = (this.#xids.get(session) ?? 0) + 1;
    this.#xids.set(session, xid);
    const request = { ...body, xid, guards: null } as unknown as WriteRequest;
    return this.#add({ kind: TxnKind.write, session, generation: session, acked: 0, hash: 7, request });
  }

  /** With all above it. */
  create(session: number, path: string, data = ""): number {
    return this.write(session, creation(path, data, 0));
  }

  /** An ephemeral. */
  hold(session: number, path: string, data = ""): number {
    return this.write(session, creation(path, data, EPHEMERAL));
  }

  set(session: number, path: string, data: string): number {
    return this.write(session, { op: Op.set, path, data: Buffer.from(data), version: -1 });
  }

  delete(session: number, path: string): number {
    return this.write(session, deletion(path));
  }

  multi(session: number, ...ops: readonly object[]): number {
    return this.write(session, { op: Op.multi, ops });
  }

  close(session: number): number {
    return this.write(session, { op: Op.close });
  }

  expire(session: number): number {
    return this.#add({ kind: TxnKind.expire, session, generation: session });
  }

  /** Time passes, and nothing changes. */
  sync(): number {
    return this.#add({ kind: TxnKind.sync, session: 1, generation: 1, xid: 0 });
  }

  get tale(): Tale {
    return new Tale(this.entries, ROOT);
  }
}

const PARENTS = 1;
export const creation = (path: string, data = "", mode = 0): object => ({
  op: Op.create,
  path,
  data: Buffer.from(data),
  mode,
  acl: null,
  ttlMs: 0,
  flags: PARENTS,
});
export const deletion = (path: string): object => ({ op: Op.delete, path, version: -1 });
