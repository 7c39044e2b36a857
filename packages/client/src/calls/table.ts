/**
 * The requests of one session: those that wait to be sent, and those that were sent and are not answered.
 *
 * Owns request numbers and the bytes of what was sent. After a reconnect the outstanding requests are sent again, in order,
 * the same bytes. A write that the server refused for overload stays outstanding under its number, is sent again later, and
 * holds back later writes until then: the server refuses those anyway. Reads may overtake them.
 * Knows no connection, no timer and no promise.
 */
import {
  CheckKind,
  ELEMENTS_MAX,
  Op,
  Writer,
  writeRequest,
  writeSignal,
  type ProtocolLimits,
  type Signal,
} from "@corral/protocol";
import { CorralError } from "../error.ts";
import type { Instant } from "../world.ts";
import type { Call } from "./call.ts";
import { LinkedList } from "./list.ts";

/** Elements of a signal, generously. */
const SIGNAL_ELEMENTS = 4;
const WRITER_KEPT_BYTES = 65_536;

export class RequestTable {
  /** The client's own calls that restore what a connection had: before all others. */
  readonly #urgent = new LinkedList<Call>();
  readonly #queue = new LinkedList<Call>();
  #queueBytes = 0;
  /** By xid, ascending. */
  readonly #outstanding = new LinkedList<Call>();
  /** Those of the outstanding that were refused for now; value: does it wait to be sent again? */
  readonly #refused = new Map<Call, boolean>();
  readonly #writer = new Writer(4096);
  #lastXid = 0;
  #ackedSent = 0;
  #isConnected = false;

  /** Every reply up to this xid has been received. */
  get acked(): number {
    const { first } = this.#outstanding;
    return first === undefined ? this.#lastXid : first.xid - 1;
  }

  /** Has the server more to answer, and does it not know what has been received? It may be waiting for that. */
  get owesAck(): boolean {
    return this.#outstanding.size > 0 && this.unacked > 0;
  }

  /** Replies received that the server does not know of. */
  get unacked(): number {
    return this.acked - this.#ackedSent;
  }

  get queued(): number {
    return this.#queue.size + this.#urgent.size;
  }

  get queuedBytes(): number {
    return this.#queueBytes;
  }

  get outstanding(): number {
    return this.#outstanding.size;
  }

  /** Numbers of a new session start after this. */
  startAfter(xid: number): void {
    this.#lastXid = xid;
    this.#ackedSent = xid;
  }

  add(call: Call): void {
    this.#queue.add(call);
    this.#queueBytes += call.size.bytes;
  }

  /** Of a connection: without one it is forgotten at once. */
  addUrgent(call: Call): void {
    if (this.#isConnected) this.#urgent.add(call);
  }

  /** The next frame of signals and requests that may be sent now; undefined when there is none. */
  nextFrame(limits: ProtocolLimits, signals: Signal[], now: Instant): Uint8Array | undefined {
    const writer = this.#writer;
    writer.clear();
    const acked = this.acked;
    if (acked > this.#ackedSent) writeSignal(writer, { op: Op.ack, acked });
    const afterAck = writer.length;
    const taken: Call[] = [];
    let elements = SIGNAL_ELEMENTS;
    for (let i = 0; i < signals.length && elements < ELEMENTS_MAX / 2; i++, elements += SIGNAL_ELEMENTS) {
      writeSignal(writer, signals[i]!);
    }
    signals.splice(0, Math.ceil(elements / SIGNAL_ELEMENTS) - 1);
    let following: Call | undefined;
    for (let call = this.#nextSendable(); call !== undefined; call = following) {
      following = this.#nextSendable(call);
      if (this.#outstanding.size >= limits.inFlight) break;
      if (taken.length > 0 && elements + call.size.elements > ELEMENTS_MAX) break;
      const start = writer.length;
      writeRequest(writer, this.#lastXid + 1, call.body, call.guards);
      const tooBig = limitFault(call, writer.length - start, limits);
      if (tooBig === undefined && writer.length > limits.frameBytes && start > 0) {
        writer.truncate(start);
        break;
      }
      this.remove(call);
      if (tooBig !== undefined) {
        writer.truncate(start);
        call.fail(tooBig);
        continue;
      }
      call.xid = ++this.#lastXid;
      call.sentAt = now;
      this.#outstanding.add(call);
      elements += call.size.elements;
      call.writtenAt(start, writer.length);
      taken.push(call);
    }
    if (writer.length === afterAck) return undefined;
    this.#ackedSent = acked;
    const frame = handOut(writer);
    for (const call of taken) call.sentIn(frame);
    return frame;
  }

  /** A frame that only says what has been received. */
  ackFrame(): Uint8Array {
    this.#writer.clear();
    this.#ackedSent = this.acked;
    writeSignal(this.#writer, { op: Op.ack, acked: this.#ackedSent });
    return handOut(this.#writer);
  }

  /** The call that may be sent after this one, or first of all. Not a generator: that costs each call 20 ns. */
  #nextSendable(call?: Call): Call | undefined {
    let next = call === undefined ? this.#urgent.first : call.after;
    if (next === undefined && call?.list !== this.#queue) next = this.#queue.first;
    if (this.#refused.size > 0) while (next?.list === this.#queue && next.isWrite) next = next.after;
    return next;
  }

  /** All outstanding requests, as they were sent, for a new connection to the same session. */
  resend(limits: ProtocolLimits, now: Instant): Uint8Array[] {
    this.#isConnected = true;
    for (const call of this.#refused.keys()) this.#refused.set(call, false);
    this.#ackedSent = this.acked;
    return this.#frames(this.#outstanding, limits, now);
  }

  /** The writes that were refused for now, once more, in order. */
  retry(limits: ProtocolLimits, now: Instant): Uint8Array[] {
    const waiting = [...this.#refused].filter(([, waits]) => waits).map(([call]) => call);
    waiting.sort((a, b) => a.xid - b.xid);
    for (const call of waiting) this.#refused.set(call, false);
    return this.#frames(waiting, limits, now);
  }

  #frames(calls: Iterable<Call>, limits: ProtocolLimits, now: Instant): Uint8Array[] {
    const writer = this.#writer;
    const frames: Uint8Array[] = [];
    writer.clear();
    let elements = 0;
    for (const call of calls) {
      const { bytes } = call;
      const full = writer.length + bytes.length > limits.frameBytes || elements + call.size.elements > ELEMENTS_MAX;
      if (full && writer.length > 0) {
        frames.push(handOut(writer));
        elements = 0;
      }
      writer.raw(bytes);
      elements += call.size.elements;
      call.sentAt = now;
    }
    if (writer.length > 0) frames.push(handOut(writer));
    return frames;
  }

  find(xid: number): Call | undefined {
    // Replies come in order, so it is the first, unless refused writes stand before it.
    let call = this.#outstanding.first;
    while (call !== undefined && call.xid < xid) call = call.after;
    return call?.xid === xid ? call : undefined;
  }

  /** The oldest outstanding request of this operation. */
  oldest(op: Op): Call | undefined {
    for (const call of this.#outstanding) if (call.body.op === op) return call;
    return undefined;
  }

  /** It has its answer. */
  done(call: Call): void {
    if (call.list === this.#outstanding) this.#outstanding.remove(call);
    this.#refused.delete(call);
  }

  /** The server did not take it for now. */
  refuse(call: Call, error: CorralError): void {
    call.refusedWith = error;
    this.#refused.set(call, true);
    if (call.isSettled) this.#makeHarmless(call);
  }

  /** Does a refused write wait to be sent again? */
  get hasRefused(): boolean {
    for (const waits of this.#refused.values()) if (waits) return true;
    return false;
  }

  /** The connection broke: whether the outstanding requests were executed is in doubt until they are answered. */
  disconnected(): void {
    for (const call of this.#outstanding) {
      // A read that nobody waits for need not be executed again, least of all one that sets a watch.
      if (call.isOfConnection || (call.isSettled && !call.isWrite)) this.done(call);
      else if (this.#refused.get(call) !== true) call.inDoubt = true;
    }
    this.#urgent.clear();
    this.#isConnected = false;
  }

  /** The caller no longer waits. Returns whether the request can have been executed, or can yet be. */
  giveUp(call: Call): boolean {
    if (!call.wasSent) {
      this.remove(call);
      return false;
    }
    if (this.#refused.get(call) !== true || call.inDoubt) return true;
    this.#makeHarmless(call);
    return false;
  }

  /**
   * The server waits for the number of the refused write. As nobody wants the write any more, a check that changes nothing
   * takes its number; but not where an earlier sending may have been applied, since a number must not change its content.
   */
  #makeHarmless(call: Call): void {
    if (call.inDoubt || !call.isWrite) return;
    const writer = new Writer(64);
    const check = { op: Op.check, path: "/", kind: CheckKind.version, value: -1 } as const;
    writeRequest(writer, call.xid, { op: Op.multi, ops: [check] });
    const bytes = writer.copy();
    call.writtenAt(0, bytes.length);
    call.sentIn(bytes);
  }

  remove(call: Call): void {
    const { list } = call;
    if (list === this.#queue) this.#queueBytes -= call.size.bytes;
    list?.remove(call);
  }

  /** Everybody that waits for an answer, in order. */
  *waiting(): Iterable<Call> {
    for (const call of this.#outstanding) if (!call.isSettled) yield call;
    yield* this.#queue;
  }

  /** Everybody, settled or not, in the order of sending. */
  *everything(): Iterable<Call> {
    yield* this.#outstanding;
    yield* this.#urgent;
    yield* this.#queue;
  }

  /** Forgets everything. The numbers of the next session begin anew. */
  clear(): void {
    this.#outstanding.clear();
    this.#refused.clear();
    this.#urgent.clear();
    this.#queue.clear();
    this.#queueBytes = 0;
    this.startAfter(0);
  }

  /** Was it sent, and may it have been executed for all we know? */
  mayHaveHappened(call: Call): boolean {
    return call.isWrite && call.wasSent && (call.inDoubt || this.#refused.get(call) !== true);
  }
}

/** A copy as long as it has to be: a new buffer for the writer costs more. But one that has grown big is not kept. */
function handOut(writer: Writer): Uint8Array {
  return writer.length > WRITER_KEPT_BYTES ? writer.take() : writer.copy();
}

/** A request that the server would end the connection for is refused here, for itself alone. */
function limitFault(call: Call, bytes: number, limits: ProtocolLimits): CorralError | undefined {
  const { op, path } = call;
  if (bytes > limits.requestBytes) {
    return new CorralError("LIMIT_EXCEEDED", {
      op,
      detail: { path, name: "requestBytes", limit: limits.requestBytes, actual: bytes },
    });
  }
  if (call.size.elements > ELEMENTS_MAX) {
    return new CorralError("LIMIT_EXCEEDED", {
      op,
      detail: { path, name: "elements", limit: ELEMENTS_MAX, actual: call.size.elements },
    });
  }
  return undefined;
}
