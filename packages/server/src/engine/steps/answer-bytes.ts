/**
 * About how many bytes the answer to a read will have, as the tree stands now. An estimate: it decides how much is promised
 * at a time, not what is answered.
 */
import { Include, Op, type ReadRequest } from "@corral/protocol";
import { NIL } from "@corral/state-machine";
import type { World } from "../world.ts";

/** A reply without data: numbers, a Stat. */
const REPLY_BYTES = 120;
/** A child's name, as a guess. */
const NAME_BYTES = 32;

export function answerBytes(world: World, request: ReadRequest): number {
  switch (request.op) {
    case Op.get:
      return nodeBytes(world, request.path);
    case Op.children:
      return request.include === Include.names ? namesBytes(world, request.path) : world.limits.pageBytes;
    case Op.multiRead: {
      let bytes = 0;
      for (const { op, path } of request.reads)
        bytes += op === Op.children ? namesBytes(world, path) : nodeBytes(world, path);
      return bytes;
    }
    case Op.ephemerals:
    case Op.setWatches:
      return world.limits.pageBytes;
    default:
      return REPLY_BYTES;
  }
}

function nodeBytes(world: World, path: string): number {
  const { tree } = world.state;
  const slot = tree.find(path);
  return slot === NIL ? REPLY_BYTES : REPLY_BYTES + Math.max(0, tree.dataLength(slot));
}

function namesBytes(world: World, path: string): number {
  const { tree } = world.state;
  const slot = tree.find(path);
  return slot === NIL
    ? REPLY_BYTES
    : Math.min(world.limits.pageBytes, REPLY_BYTES + tree.numChildren(slot) * NAME_BYTES);
}
