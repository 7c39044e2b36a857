/** The server's tree, as it is when everything is at rest. */
import { NIL, type State } from "@corral/state-machine";

export interface Found {
  readonly path: string;
  readonly name: string;
  readonly czxid: number;
  readonly mzxid: number;
  readonly owner: number;
  readonly text: string;
}

const utf8 = new TextDecoder();

function found({ tree }: State, slot: number): Found {
  return {
    path: tree.path(slot),
    name: tree.name(slot),
    czxid: tree.czxid(slot),
    mzxid: tree.mzxid(slot),
    owner: tree.owner(slot),
    text: utf8.decode(tree.data(slot) ?? new Uint8Array()),
  };
}

export function znodeAt(state: State, path: string): Found | undefined {
  const slot = state.tree.find(path);
  return slot === NIL ? undefined : found(state, slot);
}

export function childrenAt(state: State, path: string): Found[] {
  const { tree } = state;
  const slot = tree.find(path);
  const children: Found[] = [];
  if (slot === NIL) return children;
  for (let child = tree.firstChild(slot); child !== NIL; child = tree.next(child)) children.push(found(state, child));
  return children;
}

/** With the one at this path. */
export function allBelow(state: State, path: string): Found[] {
  const top = znodeAt(state, path);
  if (top === undefined) return [];
  return [top, ...childrenAt(state, path).flatMap((child) => allBelow(state, child.path))];
}
