/**
 * States told only when they have settled: once none has followed for a while, or the first of those not told has waited long enough.
 * By the client's clock. kazoo's PatientChildrenWatch, and the time boundary of its SetPartitioner.
 */
import { type Client, isCorralError, type StreamReader } from "@corral/client";
import { unseen } from "../hold/let-go.ts";
import { NewestReader } from "../wait/newest.ts";

export interface Settling {
  readonly quietMs: number;
  readonly maxWaitMs: number;
}

/** Reads the source to its end, or until its own reader leaves, or the signal. */
export function settled<T>(
  client: Client,
  source: StreamReader<T>,
  { quietMs, maxWaitMs }: Settling,
  signal: AbortSignal | undefined,
): StreamReader<T> {
  const { clock } = client;
  /** Since when something is to be told. */
  let since: number | undefined;
  let cancel = (): void => {};
  const reader = new NewestReader<T>(() => {
    cancel();
    unseen(source.return());
  }, signal);
  const follow = async (): Promise<void> => {
    for await (const state of source) {
      if (reader.isEnded) return;
      cancel();
      const now = clock.monotonicMs();
      since ??= now;
      cancel = clock.setTimeout(
        () => {
          since = undefined;
          reader.tell(state);
        },
        Math.max(0, Math.min(quietMs, since + maxWaitMs - now)),
      );
    }
  };
  if (reader.isEnded) unseen(source.return());
  else
    follow().then(
      () => reader.end(),
      (error: unknown) => {
        reader.end(error as Error);
        if (!isCorralError(error)) throw error;
      },
    );
  return reader;
}
