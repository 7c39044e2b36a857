/**
 * The frames of a connection: a WebSocket message is one MessagePack value, `[id, operation, body]` from the one who asks and
 * `[id, failure or null, body]` from the one who answers, in any order.
 */
import { Packr } from "msgpackr";
import type { BrokerErrorCode, LeaderHint } from "./errors.ts";

/** Of one message: a full batch, or a full fetch, and what stands around it. */
export const FRAME_BYTES_MAX: number = 4 * 1024 * 1024;

export type RequestFrame = readonly [id: number, operation: string, body: unknown];

export interface Failure {
  readonly code: BrokerErrorCode;
  readonly message: string;
  readonly hint?: LeaderHint | undefined;
}
export type ReplyFrame = readonly [id: number, failure: Failure | null, body: unknown];

const packr = new Packr({ useRecords: false, mapsAsObjects: true });

export function encodeFrame(frame: RequestFrame | ReplyFrame): Buffer {
  return packr.pack(frame);
}

/** Undefined for what is no request. */
export function decodeRequest(bytes: Buffer): RequestFrame | undefined {
  const value = decode(bytes);
  if (value === undefined || !Number.isSafeInteger(value[0]) || typeof value[1] !== "string") return undefined;
  return value as unknown as RequestFrame;
}

/** Undefined for what is no reply. */
export function decodeReply(bytes: Buffer): ReplyFrame | undefined {
  const value = decode(bytes);
  if (value === undefined || !Number.isSafeInteger(value[0])) return undefined;
  const failure = value[1] as Partial<Failure> | null | undefined;
  if (failure !== null && typeof failure?.code !== "string") return undefined;
  return value as unknown as ReplyFrame;
}

function decode(bytes: Buffer): unknown[] | undefined {
  try {
    const value: unknown = packr.unpack(bytes);
    return Array.isArray(value) && value.length === 3 ? (value as unknown[]) : undefined;
  } catch {
    // Not MessagePack: as bad as any other thing that is no frame.
    return undefined;
  }
}
