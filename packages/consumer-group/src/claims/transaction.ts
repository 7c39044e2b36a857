/**
 * One transaction for many claims: what each of them writes stands or falls with its own claim, and a claim that is lost does not hold up
 * the others.
 *
 * Owns the attribution of refusals and the repetition without those concerned. Knows nothing of when to write.
 */
import {
  type Client,
  CorralError,
  type Created,
  isCorralError,
  op as operation,
  type Operation,
  type Stat,
} from "@corral/client";
import type { GroupPaths } from "../layout.ts";
import { type OffsetRecord, offsetCodec } from "../records.ts";
import type { HeldClaim, Position } from "./claim.ts";

/** Claims of one transaction. */
const WRITES_MAX = 200;
/** Bytes of one transaction, about: a request may have a megabyte. */
const BYTES_MAX: number = 512 * 1024;
/** Of what is written for one claim besides its paths and its metadata, about. */
const WRITE_BYTES = 600;
/** Of one claim: whether its offset has a znode may have to be learned, once each way. */
const CORRECTIONS_MAX = 2;

export interface Write {
  readonly claim: HeldClaim;
  /** Undefined: no offset is to be written. */
  readonly position: Position | undefined;
  /** The claim is given back in the same transaction. */
  readonly release: boolean;
}

export interface Written {
  readonly write: Write;
  /** Of the transaction; undefined where nothing was written but a claim deleted. */
  readonly zxid: number | undefined;
}

export interface Writer {
  readonly client: Client;
  readonly paths: GroupPaths;
  /** The claim is another's, or nobody's. */
  readonly lost: (claim: HeldClaim, why: CorralError) => void;
}

/** So many claims at a time as fit into one transaction, by what is pending when they are asked for. */
export function* portionsOf(claims: readonly HeldClaim[]): Generator<readonly HeldClaim[]> {
  for (let from = 0, to = 0; from < claims.length; from = to) {
    let bytes = bytesOf(claims[to++]!);
    while (to < claims.length && to - from < WRITES_MAX && (bytes += bytesOf(claims[to]!)) <= BYTES_MAX) to++;
    yield claims.slice(from, to);
  }
}

function bytesOf({ path, pending }: HeldClaim): number {
  return WRITE_BYTES + 2 * path.length + (pending === undefined ? 0 : metadataBytes(pending.metadata));
}

/** As it is written. */
export function metadataBytes(metadata: string): number {
  return metadata === "" ? 0 : new TextEncoder().encode(JSON.stringify(metadata)).length - 2;
}

/**
 * Writes what it can; claims that turn out to be lost are told, and left out. One portion of them at most. Rejects with what concerns
 * none of them in particular: `SESSION_EXPIRED`, `OUTCOME_UNKNOWN`, `CLOSED`, or a refusal of the offset itself (`NO_AUTH`).
 */
export async function writeAll(writer: Writer, writes: readonly Write[]): Promise<readonly Written[]> {
  let rest = writes;
  const corrections = new Map<HeldClaim, number>();
  while (rest.length > 0) {
    const operations: Operation<unknown>[] = [];
    const owners: Write[] = [];
    for (const write of rest) {
      for (const one of operationsOf(writer, write)) {
        operations.push(one);
        owners.push(write);
      }
    }
    try {
      const results = await writer.client.multi(operations, { timeoutMs: Infinity });
      return rest.map((write) => ({ write, zxid: zxidOf(results[owners.indexOf(write) + (write.release ? 0 : 1)]) }));
    } catch (error) {
      const of = isCorralError(error) && error.index !== undefined ? owners[error.index] : undefined;
      if (of === undefined) throw error;
      // Another's, or nobody's: somebody has deleted it.
      if (isCorralError(error, "GUARD_FAILED", "NO_NODE") && error.path === of.claim.path) {
        writer.lost(of.claim, error.code === "NO_NODE" ? nobodys(of.claim, error) : error);
        rest = rest.filter((write) => write !== of);
        continue;
      }
      const corrected = (corrections.get(of.claim) ?? 0) + 1;
      if (!isCorralError(error, "NO_NODE", "NODE_EXISTS") || corrected > CORRECTIONS_MAX) throw error;
      corrections.set(of.claim, corrected);
      of.claim.hasOffset = isCorralError(error, "NODE_EXISTS");
    }
  }
  return [];
}

/**
 * The position of one claim together with operations of the user's own, whose refusals name them by their index. Rejects as `writeAll`, with
 * `GUARD_FAILED` of the claim's path when that is lost, and with what the operations are refused for. Resolves with the zxid.
 */
export async function writeWith(
  writer: Writer,
  claim: HeldClaim,
  position: Position,
  operations: readonly Operation<unknown>[],
): Promise<number | undefined> {
  for (let corrected = 1; ; corrected++) {
    try {
      const results = await writer.client.multi([...operations, offsetWrite(writer, claim, position)], {
        guard: claim.guard,
        timeoutMs: Infinity,
      });
      return zxidOf(results.at(-1));
    } catch (error) {
      if (isCorralError(error, "GUARD_FAILED") && error.path === claim.path) writer.lost(claim, error);
      const isOurs = isCorralError(error, "NO_NODE", "NODE_EXISTS") && error.index === operations.length;
      if (!isOurs || corrected > CORRECTIONS_MAX) throw error;
      claim.hasOffset = isCorralError(error, "NODE_EXISTS");
    }
  }
}

function nobodys({ path }: HeldClaim, cause: CorralError): CorralError {
  const means = "the claim has been deleted: the partition is nobody's";
  return new CorralError("GUARD_FAILED", { op: "commit", detail: { path }, outcome: "no", means, cause });
}

/** The check of the claim and then the offset; or the final offset and then the deletion of the claim, which checks it. */
function operationsOf(writer: Writer, { claim, position, release }: Write): readonly Operation<unknown>[] {
  const match = { czxid: claim.token };
  const offset = position === undefined ? [] : [offsetWrite(writer, claim, position)];
  return release
    ? [...offset, operation.delete(claim.path, { ifMatch: match })]
    : [operation.check(claim.path, match), ...offset];
}

/** The offset of a claim's partition. Whoever sends it must guard it by the claim. */
function offsetWrite(
  { client, paths }: Writer,
  claim: HeldClaim,
  position: Position,
): Operation<Created> | Operation<Stat> {
  const path = paths.offset(claim.partition.topic, claim.partition.partition);
  const { offset, metadata, leaderEpoch } = position;
  const record: OffsetRecord = {
    offset,
    metadata,
    leaderEpoch,
    claim: claim.token,
    member: claim.member,
    atMs: client.clock.wallMs(),
  };
  return claim.hasOffset
    ? operation.set(path, record, { codec: offsetCodec })
    : operation.create(path, record, { codec: offsetCodec, parents: true });
}

/** Of the transaction that wrote an offset, by the result of that. */
function zxidOf(result: unknown): number | undefined {
  if (result === undefined) return undefined;
  return "stat" in (result as Created | Stat) ? (result as Created).stat.mzxid : (result as Stat).mzxid;
}
