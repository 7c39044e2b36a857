/** How big a request will be, before it is encoded: bytes for the bound of the queue, elements for the bound of a frame. */
import { Op, type Guard, type MultiOp, type RequestBody } from "@corral/protocol";

export interface Size {
  /** About; strings count one byte a code unit. */
  readonly bytes: number;
  /** At least as many as there will be. */
  readonly elements: number;
}

const OVERHEAD_BYTES = 32;
/** No single request without a list has more. */
const PLAIN_ELEMENTS = 12;
const PER_ENTRY = 4;

export function sizeOf(body: RequestBody, guards: readonly Guard[] | null): Size {
  let bytes = OVERHEAD_BYTES;
  let elements = PLAIN_ELEMENTS;
  for (const guard of guards ?? []) {
    bytes += OVERHEAD_BYTES + guard.path.length;
    elements += PER_ENTRY;
  }
  switch (body.op) {
    case Op.multi:
    case Op.multiEach:
      for (const op of body.ops) {
        bytes += bytesOf(op);
        elements += elementsOf(op);
      }
      break;
    case Op.multiRead:
      for (const read of body.reads) bytes += OVERHEAD_BYTES + read.path.length;
      elements += body.reads.length * PER_ENTRY;
      break;
    case Op.setWatches:
      for (const watch of body.watches) bytes += OVERHEAD_BYTES + watch.path.length;
      elements += body.watches.length * PER_ENTRY;
      break;
    case Op.create:
    case Op.set:
    case Op.setAcl:
    case Op.delete:
      bytes += bytesOf(body);
      elements += elementsOf(body);
      break;
    case Op.get:
    case Op.exists:
      bytes += body.path.length;
      break;
    case Op.addAuth:
      bytes += body.credential.length;
      break;
    default:
      if ("path" in body) bytes += body.path.length;
      if ("cursor" in body && body.cursor !== null) elements += body.cursor.length;
  }
  return { bytes, elements };
}

function bytesOf(op: MultiOp): number {
  const data = "data" in op && op.data !== null ? op.data.length : 0;
  const acl = "acl" in op && op.acl !== null ? op.acl.length * OVERHEAD_BYTES : 0;
  return OVERHEAD_BYTES + op.path.length + data + acl;
}

/** The array, the operation's number, and its arguments. */
const OWN_ELEMENTS: Readonly<Record<MultiOp["op"], number>> = {
  [Op.create]: 8,
  [Op.delete]: 4,
  [Op.set]: 5,
  [Op.setAcl]: 5,
  [Op.check]: 5,
};

function elementsOf(op: MultiOp): number {
  return OWN_ELEMENTS[op.op] + ("acl" in op && op.acl !== null ? op.acl.length * PER_ENTRY : 0);
}
