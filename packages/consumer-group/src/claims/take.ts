/**
 * Making claims: many in one transaction, which refuses each that is another's by itself, and all if they are not this member's to take.
 *
 * Owns no state. The reads that follow in the same session see what was committed before the claim, and nobody can commit after it.
 */
import {
  type Client,
  CorralError,
  type Guard,
  isCorralError,
  op as operation,
  read,
  type SessionInfo,
} from "@corral/client";
import { unseen } from "@corral/recipes/authoring";
import type { GroupPaths } from "../layout.ts";
import { claimCodec, type ClaimRecord, type OffsetRecord, offsetCodec } from "../records.ts";
import type { TopicPartition } from "../source.ts";

/** Partitions of one transaction. */
export const CLAIMS_MAX = 200;

export interface Made {
  readonly partition: TopicPartition;
  readonly member: string;
  readonly path: string;
  /** The czxid of the claim. */
  readonly token: number;
  readonly session: SessionInfo;
  readonly found: OffsetRecord | undefined;
}

export interface Taken {
  readonly made: readonly Made[];
  /** Another has them. */
  readonly busy: readonly TopicPartition[];
  readonly refused: readonly { readonly partition: TopicPartition; readonly error: CorralError }[];
}

export interface Taker {
  readonly client: Client;
  readonly paths: GroupPaths;
  /** A member that was fenced goes on under another name. */
  readonly membership: { readonly member: string };
  /** No member of the group: partitions named by hand. */
  readonly isAlone: boolean;
}

/**
 * At most `CLAIMS_MAX` of them. Rejects with `GUARD_FAILED` when they are not to be taken (any more), and with `SESSION_EXPIRED` or
 * `OUTCOME_UNKNOWN` when the session is over: then nothing is left of them.
 */
export async function takeClaims(
  { client, paths, membership, isAlone }: Taker,
  guard: readonly Guard[],
  partitions: readonly TopicPartition[],
): Promise<Taken> {
  const { session } = client;
  const { member } = membership;
  const record: ClaimRecord = isAlone ? { member, alone: true } : { member };
  if (session?.isValid !== true) throw new CorralError("SESSION_EXPIRED", { op: "claim", detail: { path: paths.own } });
  const making = client.multiEach(
    partitions.map(({ topic, partition }) =>
      operation.create(paths.claim(topic, partition), record, {
        codec: claimCodec,
        lifetime: "ephemeral",
        parents: true,
      }),
    ),
    { guard, timeoutMs: Infinity },
  );
  // Asked at once, answered after it: one round trip for both.
  const reading = client.multiRead(
    partitions.map(({ topic, partition }) => read.get(paths.offset(topic, partition), { codec: offsetCodec })),
    { timeoutMs: Infinity },
  );
  unseen(reading);
  const claims = await making;
  const offsets = await reading;
  const made: Made[] = [];
  const busy: TopicPartition[] = [];
  const refused: { partition: TopicPartition; error: CorralError }[] = [];
  for (const [index, claim] of claims.entries()) {
    const partition = partitions[index]!;
    const offset = offsets[index]!;
    if (!claim.ok) {
      if (claim.error.code === "NODE_EXISTS") busy.push(partition);
      else refused.push({ partition, error: claim.error });
      continue;
    }
    const { path, stat } = claim.value;
    if (offset.ok || offset.error.code === "NO_NODE") {
      const found = offset.ok ? offset.value.value : undefined;
      made.push({ partition, member, path, token: stat.czxid, session, found });
      continue;
    }
    // It cannot be known where to begin: let it be another's, or ours at the next try.
    dropClaim(client, { path, token: stat.czxid });
    refused.push({ partition, error: offset.error });
  }
  return { made, busy, refused };
}

/**
 * Of partitions that seem to be another's, those that are held by an earlier life of this very member: freed, as long as the present life
 * lasts. True for each that may be tried again at once.
 */
export async function freeOwn(
  { client, paths, membership: { member } }: Taker,
  life: Guard,
  busy: readonly TopicPartition[],
): Promise<readonly boolean[]> {
  const found = await client.multiRead(
    busy.map(({ topic, partition }) => read.get(paths.claim(topic, partition), { codec: claimCodec })),
    { timeoutMs: Infinity },
  );
  return Promise.all(
    found.map(async (one) => {
      if (!one.ok) return one.error.code === "NO_NODE";
      const { path, value, stat } = one.value;
      if (value.member !== member) return false;
      try {
        await client.delete(path, { ifMatch: { czxid: stat.czxid }, guard: life, missing: "ok", timeoutMs: Infinity });
      } catch (error) {
        // It is another claim by now, or this life is over: the next try tells.
        if (!isCorralError(error, "GUARD_FAILED")) throw error;
      }
      return true;
    }),
  );
}

/** Resolves when the claim that stands there may be gone. Rejects with `ABORTED`, and leaves no watch behind. */
export async function awaitFree(
  { client, paths }: Taker,
  { topic, partition }: TopicPartition,
  signal: AbortSignal,
): Promise<void> {
  try {
    await client.nextEvent(paths.claim(topic, partition), { existing: true, signal, timeoutMs: Infinity });
  } catch (error) {
    if (!isCorralError(error, "NO_NODE")) throw error;
  }
}

/** Of a claim that nobody holds any more: in case that its session lives on. Guarded, so it may come as late as it will. */
export function dropClaim(client: Client, { path, token }: { readonly path: string; readonly token: number }): void {
  unseen(client.delete(path, { ifMatch: { czxid: token }, missing: "ok", timeoutMs: Infinity }));
}
