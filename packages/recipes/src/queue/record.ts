/** What stands in a job's znode: a line of JSON for people and for the queue, and the value as the user's codec wrote it. */
import type { Codec } from "@corral/client";
import { HEADER_BYTES, PRIORITY_DEFAULT, REASON_CHARS_MAX, ROOM_FROM_BYTES } from "./limits.ts";

export interface JobRecord {
  readonly id: string;
  readonly priority: number;
  /** How often it has been taken. */
  readonly attempts: number;
  /** Once it is acknowledged, the id is refused for so long. */
  readonly dedupeMs?: number | undefined;
  /** Why it was given back last, or given up. */
  readonly reason?: string | undefined;
  readonly value: Uint8Array | null;
}

const NEW_LINE = 0x0a;
const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder();

/** Data without that line was put there by hand: all of it is the value. */
export const jobRecord: Codec<JobRecord> = {
  name: "job",
  encode: ({ value, id, priority, attempts, dedupeMs, reason }) => {
    const about = { id, priority, attempts, dedupeMs, reason: reason?.slice(0, REASON_CHARS_MAX) };
    const header = utf8.encode(JSON.stringify(about));
    if (value === null) return header;
    const room = value.length > ROOM_FROM_BYTES ? Math.max(HEADER_BYTES, header.length) : header.length;
    const bytes = new Uint8Array(room + 1 + value.length).fill(0x20, header.length, room);
    bytes.set(header);
    bytes[room] = NEW_LINE;
    bytes.set(value, room + 1);
    return bytes;
  },
  decode: (data) => {
    const end = data?.indexOf(NEW_LINE) ?? -1;
    const header = readHeader(end < 0 ? data : (data?.subarray(0, end) ?? null));
    if (header === undefined) return { id: "", priority: PRIORITY_DEFAULT, attempts: 0, value: data?.slice() ?? null };
    return { ...header, value: end < 0 ? null : (data?.slice(end + 1) ?? null) };
  },
};

function readHeader(bytes: Uint8Array | null): Omit<JobRecord, "value"> | undefined {
  if (bytes === null) return undefined;
  try {
    const read = JSON.parse(fromUtf8.decode(bytes)) as unknown;
    return isHeader(read) ? read : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isHeader(read: unknown): read is Omit<JobRecord, "value"> {
  if (typeof read !== "object" || read === null) return false;
  const { id, priority, attempts, dedupeMs, reason } = read as Record<string, unknown>;
  return (
    typeof id === "string" &&
    Number.isSafeInteger(priority) &&
    Number.isSafeInteger(attempts) &&
    (dedupeMs === undefined || Number.isSafeInteger(dedupeMs)) &&
    (reason === undefined || typeof reason === "string")
  );
}
