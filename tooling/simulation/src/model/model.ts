/**
 * The model: what the log means, entry by entry, in the plainest way. Slow, and simple enough to be believed.
 *
 * Owns the sessions and the exactly-once rule; what an operation does to the tree stands in operations.ts.
 */
import { type Identity, Op, type WriteRequest } from "@corral/protocol";
import { type Options, type Txn, TxnKind } from "@corral/state-machine";
import { type Answer, type Change, guardsHold, ok, type Place, perform, removeNode } from "./operations.ts";
import { newTree, type Tree, type Znode } from "./tree.ts";

/** An entry of the committed log. */
export interface Entry {
  readonly zxid: number;
  readonly timeMs: number;
  readonly txn: Txn;
}

export interface ModelSession {
  readonly id: number;
  readonly secret: string;
  timeoutMs: number;
  generation: number;
  identities: readonly Identity[];
  lastWrite: number;
  acked: number;
  /** By xid. */
  answers: Map<number, { readonly hash: number; readonly answer: Answer; readonly zxid: number }>;
}

/** What applying one entry came to. */
export interface Step {
  readonly entry: Entry;
  /** `executed`: for the first time; `recalled`: it was before, and the answer is remembered. */
  readonly outcome: "executed" | "recalled" | "expired" | "moved" | "misnumbered" | "none";
  readonly answer: Answer | undefined;
  readonly changes: readonly Change[];
  readonly opened: number | undefined;
  readonly closed: number | undefined;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

export class Model {
  tree: Tree = newTree();
  readonly sessions: Map<number, ModelSession> = new Map();
  zxid = 0;
  timeMs = 0;
  options: Options;
  #order = 0;
  #changes: Change[] = [];
  #opened: number | undefined;
  #closed: number | undefined;

  constructor(options: Options) {
    this.options = options;
  }

  apply(entry: Entry): Step {
    this.#changes = [];
    this.#opened = this.#closed = undefined;
    const { outcome, answer } = this.#dispatch(entry);
    this.zxid = entry.zxid;
    this.timeMs = entry.timeMs;
    return { entry, outcome, answer, changes: this.#changes, opened: this.#opened, closed: this.#closed };
  }

  #dispatch(entry: Entry): Pick<Step, "outcome" | "answer"> {
    const { txn, zxid } = entry;
    const none = { outcome: "none", answer: undefined } as const;
    switch (txn.kind) {
      case TxnKind.write:
      case TxnKind.addAuth:
        return this.#request(entry, txn);
      case TxnKind.open: {
        const old = txn.replaces === null ? undefined : this.sessions.get(txn.replaces.session);
        if (old !== undefined && old.secret === hex(txn.replaces!.secretHash)) this.#close(entry, old);
        const { secretHash, timeoutMs, identities } = txn;
        this.sessions.set(zxid, {
          id: zxid,
          secret: hex(secretHash),
          timeoutMs,
          generation: zxid,
          identities,
          lastWrite: 0,
          acked: 0,
          answers: new Map(),
        });
        this.#opened = zxid;
        return none;
      }
      case TxnKind.attach: {
        const session = this.sessions.get(txn.session);
        if (session === undefined || session.secret !== hex(txn.secretHash)) return none;
        session.generation = zxid;
        session.timeoutMs = txn.timeoutMs;
        session.identities = txn.identities;
        acknowledge(session, txn.acked);
        return none;
      }
      case TxnKind.expire: {
        const session = this.sessions.get(txn.session);
        if (session !== undefined && session.generation === txn.generation) this.#close(entry, session);
        return none;
      }
      case TxnKind.reap: {
        const node = this.tree.get(txn.path);
        if (node !== undefined && node.czxid === txn.czxid && isDue(node, entry.timeMs))
          removeNode(this.#place(entry), txn.path);
        return none;
      }
      case TxnKind.options:
        this.options = txn.options;
        return none;
      case TxnKind.sync:
        return none;
    }
  }

  #request(
    entry: Entry,
    txn: Extract<Txn, { kind: typeof TxnKind.write | typeof TxnKind.addAuth }>,
  ): Pick<Step, "outcome" | "answer"> {
    const session = this.sessions.get(txn.session);
    if (session === undefined) return { outcome: "expired", answer: undefined };
    if (session.generation !== txn.generation) return { outcome: "moved", answer: undefined };
    acknowledge(session, txn.acked);
    const xid = txn.kind === TxnKind.write ? txn.request.xid : txn.xid;
    if (xid <= session.lastWrite) {
      const known = session.answers.get(xid);
      // An attach in between has put the identities of its Hello in place of all others.
      if (known?.hash === txn.hash && txn.kind === TxnKind.addAuth) this.#addAuth(session, txn.identity);
      return known?.hash === txn.hash
        ? { outcome: "recalled", answer: known.answer }
        : { outcome: "misnumbered", answer: undefined };
    }
    const answer =
      txn.kind === TxnKind.write ? this.#write(entry, session, txn.request) : this.#addAuth(session, txn.identity);
    session.lastWrite = xid;
    session.answers.set(xid, { hash: txn.hash, answer, zxid: entry.zxid });
    return { outcome: "executed", answer };
  }

  #addAuth(session: ModelSession, identity: Identity): Answer {
    const isKnown = session.identities.some(({ scheme, id }) => scheme === identity.scheme && id === identity.id);
    if (!isKnown) session.identities = [...session.identities, identity];
    return ok();
  }

  #write(entry: Entry, session: ModelSession, request: WriteRequest): Answer {
    const place = this.#place(entry, session);
    const refused = guardsHold(place, request.guards ?? []);
    if (refused !== undefined) return refused;
    if (request.op !== Op.close) return perform(place, request);
    this.#close(entry, session);
    return ok();
  }

  #close(entry: Entry, session: ModelSession): void {
    const own = [...this.tree]
      .filter(([, { owner }]) => owner === session.id)
      .sort(([, a], [, b]) => a.order - b.order);
    for (const [path] of own) removeNode(this.#place(entry), path);
    this.sessions.delete(session.id);
    this.#closed = session.id;
  }

  #place({ zxid, timeMs }: Entry, session?: ModelSession): Place {
    const get = (): Tree => this.tree;
    const set = (tree: Tree): void => void (this.tree = tree);
    return {
      zxid,
      timeMs,
      session: session?.id ?? 0,
      identities: session?.identities ?? [],
      options: this.options,
      get tree() {
        return get();
      },
      set tree(tree) {
        set(tree);
      },
      changes: this.#changes,
      nextOrder: () => ++this.#order,
    };
  }
}

function acknowledge(session: ModelSession, acked: number): void {
  session.acked = Math.max(session.acked, Math.min(acked, session.lastWrite));
  for (const xid of session.answers.keys()) if (xid <= session.acked) session.answers.delete(xid);
}

/** An empty container that has never been used goes after 5 minutes. */
const UNUSED_CONTAINER_MS = 300_000;

function isDue(node: Znode, timeMs: number): boolean {
  if (node.children.length > 0) return false;
  if (node.kind === "ttl") return timeMs > node.mtime + node.ttlMs;
  return node.kind === "container" && (node.creates > 0 || timeMs >= node.ctime + UNUSED_CONTAINER_MS);
}
