/**
 * A subscriber that applies what it is sent to a map must hold exactly the subtree, at `synced` and after every unit
 * that follows, whatever is written meanwhile and however the credits come.
 */
import { type AclEntry, Op, Permission, SubscriptionKind, type SubscriptionMessage, isWithin } from "@corral/protocol";
import { type State, allows } from "@corral/state-machine";
import { expect, test } from "vitest";
import { digestId } from "../src/node/node-world.ts";
import type { Client } from "./client.ts";
import { Stage } from "./stage.ts";
import { auth, create, del, itemsOf, set, setAcl, subscribe } from "./words.ts";

/** Numbers from a seed: mulberry32. */
function random(seed: number): (below: number) => number {
  let a = seed;
  return (below) => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const ROOT = "/r";
const PATHS = [
  ROOT,
  ...["a", "b", "c"].flatMap((x) => [
    `${ROOT}/${x}`,
    ...["d", "e"].flatMap((y) => [`${ROOT}/${x}/${y}`, `${ROOT}/${x}/${y}/f`]),
  ]),
];
const ANYONE: readonly AclEntry[] = [{ permissions: 31, scheme: "world", id: "anyone" }];
const ANN: readonly AclEntry[] = [{ permissions: 31, scheme: "digest", id: digestId("ann", "secret") }];

/** What a session with these rights sees of the subtree: path to data and Stat. */
function view(state: State, session: number, isInScope: (path: string) => boolean): Map<string, string> {
  const { tree, options } = state;
  const { identities } = state.sessions.get(session)!;
  const seen = new Map<string, string>();
  for (let slot = 0; slot < tree.rows.end; slot++) {
    if (!tree.isLive(slot)) continue;
    const path = tree.path(slot);
    if (!isInScope(path) || !allows(tree.acl(slot), Permission.read, identities, options)) continue;
    // Counters of children are not part of what a subscription promises: they change without an entry of their own.
    seen.set(
      path,
      `${new TextDecoder().decode(tree.data(slot) ?? new Uint8Array())}|${tree.czxid(slot)}|${tree.mzxid(slot)}|${tree.aversion(slot)}`,
    );
  }
  return seen;
}

function applyTo(map: Map<string, string>, message: SubscriptionMessage): void {
  if (message.message === SubscriptionKind.resync) map.clear();
  for (const { type, path, data, stat } of itemsOf(message)) {
    if (type === "deleted") map.delete(path);
    else map.set(path, `${data ?? ""}|${stat![0]}|${stat![1]}|${stat![6]}`);
  }
}

/** Writes something: creations, deletions, data, ACLs, multis that hold and multis that are cancelled. */
function write(writer: Client, next: (below: number) => number): void {
  const path = (): string => PATHS[next(PATHS.length)]!;
  const op = () => {
    switch (next(5)) {
      case 0:
      case 1:
        return create(path(), `${next(1000)}`, { acl: next(4) === 0 ? ANN : ANYONE });
      case 2:
        return set(path(), "x".repeat(next(400)));
      case 3:
        return setAcl(path(), next(2) === 0 ? ANN : ANYONE);
      default:
        return del(path());
    }
  };
  switch (next(6)) {
    case 0:
      return void writer.ask({ op: Op.multi, ops: Array.from({ length: 1 + next(4) }, op) });
    case 1:
      return void writer.ask({ op: Op.multiEach, ops: Array.from({ length: 1 + next(6) }, op) });
    case 2:
      return void writer.ask({ op: Op.deleteTree, path: path(), nodesMax: 100 });
    default:
      return void writer.ask(op());
  }
}

const SCOPES: readonly ((path: string) => boolean)[] = [
  (path) => isWithin(ROOT, path),
  (path) => path === ROOT,
  (path) => path === ROOT || (isWithin(ROOT, path) && path.lastIndexOf("/") === ROOT.length),
];

test.each(Array.from({ length: 60 }, (_, i) => i + 1))("what a subscriber holds is the subtree (seed %i)", (seed) => {
  const next = random(seed);
  const stage = new Stage({
    limits: { pageBytes: 1_024, unsentBytesSoft: 4_096 },
    historyLimits:
      next(3) === 0 ? { historyEntries: 50, historyBytes: 4_096 } : { historyEntries: 10_000, historyBytes: 1 << 20 },
  });
  const [writer, reader] = [stage.attach(), stage.attach()];
  writer.do(auth("ann"));
  for (let i = 0; i < 60; i++) write(writer, next);
  const scope = next(3);
  const map = new Map<string, string>();
  let isSynced = false;
  let cursor = -1;
  let read = 0;
  let checks = 0;

  const hear = (): void => {
    const told = reader.told(1);
    for (; read < told.length; read++) {
      const message = told[read]!;
      applyTo(map, message);
      if (message.message === SubscriptionKind.resync) isSynced = false;
      if (message.message === SubscriptionKind.synced) isSynced = true;
      if (message.message === SubscriptionKind.changesPart || message.message === SubscriptionKind.page) continue;
      cursor = message.zxid;
      // Comparable only when nothing has happened since this message.
      if (isSynced && read === told.length - 1 && message.zxid === stage.state.zxid) {
        expect(map).toEqual(view(stage.state, reader.session, SCOPES[scope]!));
        checks++;
      }
    }
  };

  reader.do(subscribe(ROOT, { scope, credits: next(3) }));
  for (let i = 0; i < 200; i++) {
    if (next(8) === 0) reader.takes = !reader.takes;
    if (next(3) === 0) reader.signal({ op: Op.credit, id: 1, credits: 1 + next(3) });
    if (next(40) === 0 && isSynced) {
      // A resumption from the last whole unit, as after a reconnect.
      reader.do({ op: Op.unsubscribe, id: 1 });
      hear();
      reader.do(subscribe(ROOT, { scope, since: cursor, credits: next(3) }));
    }
    write(writer, next);
    writer.ack(writer.xid);
    hear();
  }
  reader.takes = true;
  reader.signal({ op: Op.credit, id: 1, credits: 10_000 });
  hear();
  expect(isSynced).toBe(true);
  expect(map).toEqual(view(stage.state, reader.session, SCOPES[scope]!));
  expect(checks).toBeGreaterThan(0);
  reader.break();
  expect(stage.state.tree.walks.size).toBe(0);
});
